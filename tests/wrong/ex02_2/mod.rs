//! Answers to exercise 2.2: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex02_2.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, no_newline, no_half_close, close_for_half_close, one_read, strings, keeps_the_length, lines, empty_is_wrong, short_time,
        half_is_whole, empty_is_right, panics, no_limit, looks_afterwards, no_timeout, each_read_a_second
}
