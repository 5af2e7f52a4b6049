//! Answers to exercise 3.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex03_1.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, keeps_the_sizes, to_the_end, lines, decimal, unwraps, strings, one_read, stops_at_zero, waits_at_the_end, half_is_whole,
        takes_a_sign, trims, newline_is_enough, panics, skips_two, no_limit
}
