//! Answers to exercise 2.3: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex02_3.rs"]
mod solution;

answers! {
    UdpServer(serve)
    pass: solution, slow_but_right
    fail: not_begun, newline, forgets, trims, characters, text_only, ends_at_nothing, one_for_all, by_machine, connects,
        answers_answers, counts_answers, looks_behind_the_end, small_buffer, whole_buffer
}
