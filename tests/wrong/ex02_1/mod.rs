//! Answers to exercise 2.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex02_1.rs"]
mod solution;

answers! {
    Server(serve)
    pass: solution, slow_but_right, two_writes
    fail: not_begun, to_the_end, no_flush, no_newline, sends_the_number, more_words, split, one_line_each, trims, characters, lossy, strings,
        read_once, drops_the_rest, looks_once, forgets_the_last, counts_the_end, first_client_only, answers_the_rest, no_limit,
        limits_the_rest, question_mark, fails_at_a_write, panics
}
