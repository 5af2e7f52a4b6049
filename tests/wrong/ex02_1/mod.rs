//! Answers to exercise 2.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex02_1.rs"]
mod solution;

answers! {
    pass: solution, slow_but_right
    fail: not_begun, to_the_end, one_line_each, trims, characters, lossy, strings, read_once, drops_the_rest,
        forgets_the_last, counts_the_end, first_client_only, no_limit, question_mark, panics
}
