//! Answers to exercise 7.2: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex07_2.rs"]
mod solution;

answers! {
    ClientOfAll(ask)
    pass: solution, slow_but_right
    fail: not_begun, waits_for_words, says_hello, names_them, refused_is_an_error, silent_is_closed, all_filtered,
        no_timeout, first_come, one_after_another, joins_at_once, rest_is_closed, panics, never_knocks, impatient,
        prints
}
