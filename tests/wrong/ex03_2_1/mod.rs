//! Answers to exercise 3.2.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex03_2_1.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, glued, half_encoded, no_field, from_zero, first_only, error_for_status, bytes, utf8_only,
        any_status_ends, half_a_page, no_limit, each_read_a_second, every_page_counts, half_a_second, not_for_you,
        one_second_for_all, page_of_the_404, three_pages
}
