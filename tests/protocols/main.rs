//! The protocols: codecs, clients against the lab and against peers that lie, and (`*_peers`) against what others wrote.
//! (One test program for many files: while one test waits, the others work.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/site.rs"]
mod site;
#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod damaged;
mod deadlines;
mod dns_message;
mod dns_peers;
mod dns_resolver;
mod floods;
mod ftp;
mod ftp_peers;
mod http_client;
mod http_peers;
mod http_wire;
mod lab_all;
mod lab_http;
mod lab_http_peers;
mod scan;
#[cfg(target_os = "linux")]
mod scan_peers;
mod smtp;
mod smtp_peers;
mod sweep;
mod web;
mod web_peers;
mod websocket;
mod websocket_peers;

together! { all_that_waits: // the first by its name, so that the others run beside it
    dns_resolver::a_stream_of_junk_does_not_outlive_the_deadline,
    dns_resolver::a_silent_server_costs_its_patience_and_the_total_holds,
    dns_resolver::eight_strangers_and_we_ask_over_tcp,
    dns_resolver::lies_alone_are_a_silence,
    dns_resolver::many_connections_are_served_and_a_stop_ends_all,
    dns_resolver::over_tcp_lies_are_errors,
    dns_resolver::without_edns_512_bytes_are_the_limit,
    ftp::a_download_cut_short_is_none,
    ftp::a_stranger_brings_a_file,
    ftp::after_a_silence_nothing_more_is_said,
    ftp::data_connections_that_never_come,
    ftp::every_wait_ends,
    ftp::hostile_listings,
    ftp::replies_that_are_none,
    ftp::what_one_client_may_take,
    lab_http::a_client_that_does_not_read_is_left,
    lab_http::slow_clients_do_not_keep_their_places,
    lab_http::two_hundred_silent_clients_are_in_nobodys_way,
    scan::a_drip_does_not_outlive_the_time_for_a_banner,
    scan::a_port_that_connects_to_itself_is_not_open,
    #[cfg(unix)]
    scan::a_scan_with_few_descriptors_or_threads_loses_no_port,
    scan::all_runs_are_equal_and_in_order,
    scan::open_closed_and_filtered_are_told_apart,
    scan::open_closed_and_filtered_are_told_apart_over_ipv6,
    scan::ports_are_told_as_they_become_known,
    scan::silent_ports_are_waited_for_together,
    #[cfg(unix)]
    scan::without_arguments_it_scans_this_machine_and_the_lab,
    smtp::a_drip_does_not_outlive_the_time_of_a_turn,
    smtp::every_way_to_log_in_and_every_refusal,
    smtp::greetings_and_replies_that_are_none,
    smtp::many_recipients_and_many_messages_on_one_connection,
    smtp::what_a_client_may_take_has_an_end,
    smtp::what_is_unknown_is_said_to_be_unknown,
    smtp::who_is_slow_or_silent_leaves_in_time,
    web::a_drip_defeats_the_limit_for_a_read_and_not_the_total,
    web::a_host_that_does_not_answer_costs_the_time_to_connect,
    web::one_request_may_have_another_time,
    web::redirects_that_lead_astray,
    web::retry_after_in_seconds_and_as_a_date,
    websocket::a_handshake_is_not_pinged,
    websocket::a_handshake_that_does_not_end,
    websocket::a_peer_that_answers_no_ping_is_dead,
    websocket::fragments_that_are_empty,
    websocket::many_send_while_one_reads,
    websocket::one_who_does_not_read_is_not_waited_for_for_ever,
    websocket::stop_tells_everybody,
    websocket::stop_waits_for_nobody_who_does_not_read,
    websocket::too_many_pings,
    websocket::who_looks_in_often_pings_too,
    websocket::who_stays_after_the_end_is_left,
}
