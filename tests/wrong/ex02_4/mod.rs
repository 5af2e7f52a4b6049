//! Answers to exercise 2.4: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex02_4.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, newline, from_zero, first_only, keeps_the_number, text_only, two_bytes, one_digit, small_buffer, resends_at_once, any_number, each_answer_begins_anew,
        believes_strangers, no_timeout, one_try, three_for_all, no_pause, never_gives_up, four_tries
}
