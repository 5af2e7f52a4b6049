//! Answers to exercise 3.2.4: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex03_2_4.rs"]
mod solution;

answers! {
    Client(ask)
    pass: solution, slow_but_right
    fail: not_begun, orders_again, policy_for_all, gives_up, takes_404_for_an_error, forgets_the_body, looks_once,
        never_changes, asks_too_often, orders_for_ever, no_pause, believes_the_pause, no_limit, all_500s_are_lost,
        long_pauses, lost_is_not_ordered, no_429, no_502, one_limit_for_all, refused_is_not_ordered, short_pause
}
