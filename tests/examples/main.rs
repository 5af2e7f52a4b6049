//! The programs of this project, run as a learner runs them. (One test program for many files: while one test waits, the others work.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/site.rs"]
mod site;
#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use std::sync::LazyLock;
use support::programs::Programs;

/// All that these tests run: each further call of cargo would wait for the one before.
static PROGRAMS: LazyLock<Programs> = LazyLock::new(|| {
    Programs::build([
        "00_start",
        "01_overview",
        "02_1_tcp_server",
        "02_2_tcp_client",
        "02_3_udp_server",
        "02_4_udp_client",
        "02_5_threaded_server",
        "03_1_http_by_hand",
        "03_2_1_http_get",
        "03_2_2_http_post",
        "03_2_3_http_session",
        "03_2_4_http_retry",
        "04_1_websocket_server",
        "04_2_websocket_client",
        "05_ftp",
        "06_smtp",
        "07_1_dns",
        "08_1_concurrent_http",
        "08_2_concurrent_websocket",
        "09_best_practices",
        "10_summary",
        "lab",
        "nc",
        "tap",
    ])
});

mod echo_server;
mod lab;
mod lesson_common;
mod nc;
mod part0_start;
mod part10_summary;
mod part1_overview;
mod part2_tcp;
mod part2_udp;
mod part3_http;
mod part3_retry;
mod part3_web;
mod part4_websocket;
mod part5_ftp;
mod part6_smtp;
mod part7_dns;
mod part9_best;
mod tap;

together! { what_waits:
    echo_server::a_pipe_that_nobody_reads_does_not_hold_the_clients,
    echo_server::the_idle_time_is_kept_also_after_a_large_message,
    lab::a_client_that_stays_is_cut_off,
    part10_summary::who_is_late_is_left_behind,
    #[cfg(target_os = "linux")]
    part2_tcp::a_silent_address_is_a_timeout_and_leaves_time_for_the_next,
    #[cfg(unix)]
    part2_tcp::no_descriptor_left_is_survived_with_a_pause,
    part2_tcp::our_time_limit_ends_a_message_without_an_end,
    part2_tcp::whoever_says_nothing_or_takes_nothing_is_idle,
    part2_udp::a_late_answer_to_the_first_try_is_taken_once,
    part2_udp::a_lost_question_is_asked_again,
    part2_udp::a_silent_server_is_given_up_after_three_questions,
    part3_http::who_is_not_there_or_silent_is_an_error_in_time,
    part3_retry::every_limit_bites_and_the_third_attempt_succeeds,
    part3_retry::many_pages_keep_their_order_and_are_timed_three_ways,
    part3_retry::what_does_not_answer_ends_in_time,
    part3_web::who_is_not_there_silent_or_cut_off_is_an_error,
    part4_websocket::a_lost_connection_is_made_anew_and_a_proper_end_is_one,
    part4_websocket::on_a_terminal_enter_stops_it,
    part4_websocket::the_labs_server_is_one_for_the_client_too,
    part4_websocket::the_tour_hears_every_piece_of_news_once,
    part5_ftp::the_wire_is_told_on_stderr_and_the_password_is_not,
    part5_ftp::who_is_not_there_or_silent_is_an_error_in_time,
    part6_smtp::a_liar_is_told_as_one_and_does_not_command_the_terminal,
    part6_smtp::who_is_not_there_or_silent_is_an_error_in_time,
    part7_dns::who_does_not_answer_is_an_error,
    part9_best::a_drip_defeats_the_limit_for_each_read,
    part9_best::each_error_gets_its_own_answer,
    part9_best::the_wire_of_some,
    part9_best::threads_help_until_the_server_is_full,
    part9_best::without_a_name_all_are_run,
}
