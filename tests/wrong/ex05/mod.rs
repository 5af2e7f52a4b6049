//! Answers to exercise 5: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex05.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, never_connects, one_connection, one_read, fin_is_enough, first_digits, believes_the_reply,
        counts_on_six, first_six, last_two, calculates, any_reply, text_only, from_the_end, data_first, silence_is_yes,
        knows_errors_only, slices, new_reader, no_cr, prints
}
