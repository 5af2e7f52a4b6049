//! Answers to exercise 2.5: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex02_5.rs"]
mod solution;

answers! {
    Server(serve)
    pass: solution, slow_but_right
    fail: not_begun, one_at_a_time, joins_at_once, one_line_each, own_count, counts_pieces, reads_with_the_lock, no_places,
        turns_away, keeps_the_place, loses_the_place, text_only, unwraps_with_the_lock
}
