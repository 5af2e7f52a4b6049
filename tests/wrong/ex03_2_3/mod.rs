//! Answers to exercise 3.2.3: the solution, a slow one and the library's own jar pass, the usual mistakes fail, each with the
//! report beside it.

#[path = "../../../examples/solutions/ex03_2_3.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right, session
    fail: not_begun, no_jar, whole_line, empty_field, first_only, a_field_each, appends, last_sign, keeps_the_spaces, never_deletes, zero_only, panics, flags_too, any_status, no_limit
}
