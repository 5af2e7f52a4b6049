//! Answers to exercise 8.2: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex08_2.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, no_answer_to_close, one_connection, at_once, texts_of_the_last, same_pause, never_forgets,
        away_is_done, refusal_is_lost, never_gives_up, gives_up_after_five, away_is_no_failure, away_pauses_anew,
        done_needs_a_text
}
