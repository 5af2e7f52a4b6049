//! Answers to exercise 3.2.2: the solution, a slow one and the library's own form pass, the usual mistakes fail, each with the
//! report beside it.

#[path = "../../../examples/solutions/ex03_2_2.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right, form
    fail: not_begun, no_label, no_boundary, no_dashes, newlines, no_end, text_only, no_line_end, one_line_end_more, name_as_it_is, one_boundary, any_status, uploads_nothing
}
