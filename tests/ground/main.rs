//! What all protocols stand on. (One test program for many files: while one test waits, the others work.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod fault;
mod gather;
mod script;
mod server;
mod server_limits;
mod stream;
mod text;
#[cfg(target_os = "linux")]
mod tls;
mod trace;

together! { all_that_waits: // the first by its name, so that the others run beside it
    fault::a_stall_at_every_byte_ends_by_the_deadline_of_the_client,
    fault::a_stop_is_not_held_up_by_a_watcher_that_hangs,
    fault::each_fault_hits_the_datagram_it_names,
    server::a_client_that_stops_reading_is_sent_home,
    server::a_drip_does_not_outlive_the_total,
    server::a_handler_that_never_returns_costs_one_place_and_is_reported,
    server::refused_callers_who_stay_cost_nothing_for_long,
    server_limits::without_descriptors_it_waits_instead_of_spinning,
    stream::each_deadline_counts_whatever_the_one_before_was,
    tls::closing_has_its_limits_too,
}
