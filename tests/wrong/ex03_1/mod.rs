//! Answers to exercise 3.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex03_1.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, keeps_the_sizes, to_the_end, lines, decimal, strings, one_read, half_is_whole,
        takes_a_sign, panics, skips_two, no_limit
}
