//! Answers to exercise 9: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex09.rs"]
mod solution;

answers! {
    Server(serve)
    pass: solution, slow_but_right
    fail: not_begun, counts_the_newline, stays, strings, looks_once, one_byte_less, no_limit, half_is_whole,
        end_is_late, one_at_a_time, each_read_anew, half_the_time, closes_silently, steps_over, exactly_a_hundred,
        one_client, one_kind, three_seconds
}

/// The kind that this system does not give.
fn other_kind(error: &std::io::Error) -> bool {
    error.kind() == if cfg!(windows) { std::io::ErrorKind::WouldBlock } else { std::io::ErrorKind::TimedOut }
}
