//! Answers to exercise 6: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex06.rs"]
mod solution;

answers! {
    ClientWith(ask)
    pass: solution, slow_but_right
    fail: not_begun, speaks_first, one_line_too_many, no_dot, no_quit, as_it_is, one_dot_only, every_dot, no_cr,
        no_lines, any_reply, text_is_taken, silence_is_yes, any_reply_but_two, data_is_taken, knows_errors_only,
        no_greeting, trims, one_read, newline_behind
}
