//! Answers to exercise 4.2: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex04_2.rs"]
mod solution;

answers! {
    ClientWith(ask)
    pass: solution, slow_but_right
    fail: not_begun, no_handshake_left_out, no_close, all_at_once, sleeps, waits_for_ever, silence_is_an_error,
        each_read_anew, ping_is_the_answer, end_is_empty, close_without_a_code, drops_the_answer, half_a_second,
        keeps_the_line_end, never_connects, one_read
}
