//! The published table of rules: it has one source, each of its rules a test, and its switches
//! exist.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{App, keys};

/// Each rule, and tests that would fail without it: `file::function`.
const TESTS: &[(&str, &[&str])] = &[
    (
        "handshake",
        &["lifecycle::the_handshake_is_done_before_connected_so_that_connected_can_send"],
    ),
    (
        "refusals",
        &["access::handshakes_that_are_none_are_refused_before_101"],
    ),
    (
        "order",
        &[
            "dispatch::connected_comes_first_messages_in_order_and_disconnected_last",
            "dispatch::a_handler_that_waits_does_not_hold_back_the_next_message",
            "endings::disconnected_comes_after_the_messages_that_came_before_the_end",
        ],
    ),
    (
        "one-disconnected",
        &[
            "endings::each_connected_gets_one_disconnected_with_its_reason_however_the_connection_ends",
            "endings::a_worker_that_dies_costs_no_connection_and_no_disconnected",
            "endings::after_kill_9_the_next_start_delivers_disconnected_once_with_a_reason_that_says_so",
        ],
    ),
    (
        "connection-id",
        &[
            "dispatch::connection_ids_have_the_form_of_api_gateways",
            "lifecycle::connection_ids_are_not_given_twice_over_restarts",
        ],
    ),
    (
        "meta",
        &[
            "dispatch::connected_gets_the_connection_and_its_meta",
            "dispatch::without_a_query_there_are_no_query_parameters",
        ],
    ),
    (
        "header-names",
        &["dispatch::headers_are_named_as_clients_commonly_write_them"],
    ),
    (
        "idle-timeout",
        &[
            "lifecycle::a_connection_idle_for_10_minutes_is_closed_with_1001_going_away",
            "lifecycle::a_message_in_either_direction_begins_the_idle_time_anew",
        ],
    ),
    (
        "ping-idle",
        &["lifecycle::a_ping_does_not_reset_the_idle_timeout_unless_asked_for"],
    ),
    (
        "lifetime",
        &["lifecycle::a_connection_is_closed_after_2_hours_however_busy_it_is"],
    ),
    (
        "sizes",
        &[
            "limits::a_frame_above_32_kb_closes_with_1009",
            "limits::a_message_above_128_kb_in_small_frames_closes_with_1009",
            "messages::the_largest_message_is_accepted_in_frames_of_32_kb",
        ],
    ),
    (
        "binary",
        &[
            "endings::each_connected_gets_one_disconnected_with_its_reason_however_the_connection_ends",
            "messages::with_binary_allow_bytes_arrive_as_base64",
            "binary::a_post_that_asks_for_it_goes_out_as_a_binary_message_where_those_are_allowed",
            "binary::without_binary_allow_every_post_goes_out_as_text",
        ],
    ),
    (
        "server-close",
        &["sending::a_closed_client_sees_1000_and_is_gone_for_everybody_at_once"],
    ),
    (
        "client-close",
        &[
            "endings::each_connected_gets_one_disconnected_with_its_reason_however_the_connection_ends",
        ],
    ),
    (
        "vanished",
        &[
            "endings::each_connected_gets_one_disconnected_with_its_reason_however_the_connection_ends",
            "lifecycle::a_connection_idle_for_10_minutes_is_closed_with_1001_going_away",
        ],
    ),
    (
        "broken-frames",
        &[
            "conformance::reserved_bits_and_opcodes_end_the_connection_with_1002",
            "conformance::texts_are_utf_8_and_only_that",
        ],
    ),
    (
        "subprotocol",
        &[
            "lifecycle::no_subprotocol_is_negotiated_unless_it_is_configured",
            "lifecycle::the_first_subprotocol_asked_for_that_is_configured_is_negotiated",
        ],
    ),
    ("extensions", &["lifecycle::extensions_are_not_negotiated"]),
    (
        "last-registration",
        &["dispatch::the_last_registration_of_an_event_wins"],
    ),
    (
        "data",
        &[
            "messages::json_is_parsed_and_everything_else_is_text",
            "messages::an_empty_message_is_undefined",
            "messages::ping_is_answered_with_pong_and_never_reaches_the_handler",
        ],
    ),
    (
        "timeout",
        &[
            "failures::a_handler_past_its_timeout_is_reported_and_the_client_told",
            "failures::a_timeout_above_a_minute_is_cut_with_a_warning",
        ],
    ),
    (
        "handler-error",
        &[
            "failures::a_handler_that_throws_is_reported_with_its_place_and_the_client_is_told",
            "limits::without_error_frames_a_client_hears_nothing_of_failures_and_throttles",
        ],
    ),
    (
        "gone-connection",
        &[
            "sending::sending_to_who_is_gone_throws_unless_told_not_to",
            "sending::other_failures_are_websocket_errors",
            "sending::is_connected_tells_live_connections_from_everything_else",
        ],
    ),
    (
        "send-resolves",
        &["torture/farewells/mod::what_a_handler_sent_before_it_ended_its_process_arrives"],
    ),
    (
        "closing-twice",
        &[
            "sending::an_id_given_twice_is_closed_once_and_rejected_once",
            "sending::a_list_is_closed_all_at_once_and_rejects_with_the_first_failure",
        ],
    ),
    (
        "work-after-return",
        &[
            "after_return::each_place_that_does_not_wait_is_told_once",
            "after_return::strict_makes_it_an_error_each_time",
        ],
    ),
    (
        "sdk",
        &[
            "installed::nothing_that_the_sandboxs_credentials_sign_leaves_for_aws",
            "installed::what_is_not_here_is_refused_when_it_is_registered",
            "failures::a_call_to_a_part_of_the_sdk_that_is_not_there_says_so",
        ],
    ),
    (
        "reload",
        &[
            "failures::an_endless_loop_costs_the_worker_but_no_socket",
            "failures::messages_that_come_while_the_worker_is_replaced_are_handled_in_order",
        ],
    ),
    (
        "rate",
        &[
            "limits::each_environment_has_its_burst_and_rate",
            "limits::a_message_without_a_token_is_answered_and_kept_from_the_handler",
        ],
    ),
    (
        "throttled-handshake",
        &["limits::without_a_token_a_handshake_gets_429"],
    ),
    (
        "throttled-message",
        &[
            "limits::a_message_without_a_token_is_answered_and_kept_from_the_handler",
            "limits::without_error_frames_a_client_hears_nothing_of_failures_and_throttles",
        ],
    ),
    (
        "concurrency",
        &["limits::no_more_invocations_than_the_burst_run_at_once_and_the_next_waits"],
    ),
    ("outgoing", &["limits::what_the_app_sends_is_not_limited"]),
    (
        "slow-client",
        &[
            "sending::sends_to_a_client_that_does_not_read_are_refused_until_it_reads",
            "sending::a_client_for_which_too_much_waits_is_closed_with_1008",
        ],
    ),
    (
        "management",
        &[
            "management::post_sends_the_body_as_it_is_and_answers_200",
            "management::get_tells_when_it_connected_was_active_and_from_where",
            "management::delete_closes_with_1000_answers_204_and_after_that_the_connection_is_gone",
            "management::one_stage_segment_and_percent_encoding_are_understood",
        ],
    ),
    (
        "gone",
        &[
            "management::an_id_that_nobody_has_is_gone_and_a_malformed_one_is_a_bad_request",
            "management::what_ended_by_itself_is_gone_too",
        ],
    ),
    (
        "malformed-id",
        &["management::an_id_that_nobody_has_is_gone_and_a_malformed_one_is_a_bad_request"],
    ),
    (
        "too-large",
        &[
            "management::a_message_above_128_kb_is_too_large",
            "binary::a_larger_message_may_be_posted_where_larger_ones_are_let_in",
        ],
    ),
    (
        "too-slow",
        &["management::posts_to_a_client_that_does_not_read_get_429_and_hold_up_nobody"],
    ),
    (
        "forbidden",
        &[
            "management::a_web_page_may_not_use_it_whatever_its_origin_and_credentials",
            "management::other_methods_and_paths_below_connections_are_forbidden",
        ],
    ),
    (
        "credentials",
        &[
            "management::who_does_not_have_the_apps_credentials_is_refused_and_told_in_the_log",
            "management::with_any_credentials_a_signature_is_still_needed",
        ],
    ),
    (
        "not-utf-8",
        &[
            "management::bytes_that_are_not_utf_8_are_replaced",
            "binary::other_posts_stay_texts_where_binary_messages_are_allowed",
        ],
    ),
    (
        "origin",
        &[
            "refusals::a_page_of_another_origin_is_refused_and_told_how_to_come_in",
            "refusals::pages_of_this_machine_and_of_allowed_origins_are_let_in",
        ],
    ),
    (
        "host",
        &[
            "refusals::a_host_that_is_not_this_machines_is_refused_before_anything_else",
            "refusals::the_names_of_this_machine_are_fine",
        ],
    ),
    ("loopback", &["access::it_listens_on_loopback_only"]),
    ("tls", &["tls::wss_and_https_are_served_on_one_port"]),
    (
        "import-overwrite",
        &[
            "transfer::overwrite_clears_everything_first_wherever_it_stands",
            "transfer::an_import_names_the_connections_that_it_orphans",
        ],
    ),
    (
        "time-zone",
        &["environment::the_time_zone_is_the_cloud_s_unless_somebody_sets_one"],
    ),
    (
        "published-events",
        &[
            "faults/published::a_published_event_comes_at_its_time_whatever_died_meanwhile",
            "faults/published::an_event_whose_handler_a_kill_cut_off_comes_again",
        ],
    ),
    (
        "clock",
        &[
            "clock::an_idle_timeout_that_the_clock_passes_happens_at_once",
            "clock::an_item_expires_when_the_clock_passes_its_time_to_live",
        ],
    ),
];

fn rules() -> Vec<Value> {
    let app = App::new();
    let printed = app.verb(&["help", "fidelity", "--json"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let table = printed.json();
    assert_eq!(keys(&table), ["certainty", "rules"]);
    table["rules"].as_array().unwrap().clone()
}

#[test]
fn each_rule_has_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for rule in rules() {
        assert_eq!(
            keys(&rule),
            ["area", "rule", "does", "certainty", "switches"]
        );
        let name = rule["rule"].as_str().unwrap();
        let row = TESTS.iter().find(|(rule, _)| *rule == name);
        let (_, tests) = row.unwrap_or_else(|| panic!("`{name}` has no test"));
        for test in *tests {
            let (file, function) = test.split_once("::").unwrap();
            let text = fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap_or_default();
            let is_there = text.contains(&format!("#[test]\nfn {function}()"));
            assert!(is_there, "`{name}`: there is no test {test}");
        }
    }
}

#[test]
fn each_switch_is_an_option_of_dev() {
    let app = App::new();
    let help = app.verb(&["help", "dev"]).stdout;
    for rule in rules() {
        for switch in rule["switches"].as_array().unwrap() {
            let option = switch.as_str().unwrap().split(' ').next().unwrap();
            assert!(help.contains(option), "{rule}");
        }
    }
}

#[test]
fn people_and_the_readme_get_the_same_rules() {
    let app = App::new();
    let people = app.verb(&["help", "fidelity"]).stdout;
    let markdown = app.verb(&["help", "fidelity", "--markdown"]).stdout;
    for rule in rules() {
        let name = rule["rule"].as_str().unwrap();
        let does = rule["does"].as_str().unwrap();
        let beginning: Vec<&str> = does.split(' ').take(4).collect();
        let beginning = beginning.join(" ");
        assert!(
            people.contains(name) && people.contains(&beginning),
            "{rule}"
        );
        assert!(
            markdown.contains(&format!("| {name} | {does} | ")),
            "{rule}"
        );
    }
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let Ok(readme) = fs::read_to_string(readme) else {
        return;
    };
    let (_, after) = readme
        .split_once("<!-- fidelity -->\n")
        .expect("the table's place in README.md");
    let (table, _) = after
        .split_once("<!-- /fidelity -->")
        .expect("the end of the table");
    assert_eq!(
        table.trim(),
        markdown.trim(),
        "put the output of `ampt-ws help fidelity --markdown` there"
    );
}

#[test]
fn help_explains_verbs_and_suggests_what_was_meant() {
    let app = App::new();
    let whole = app.verb(&["help"]).stdout;
    assert!(
        whole.contains("fidelity") && whole.contains("close"),
        "{whole}"
    );
    let verb = app.verb(&["help", "data", "set"]).stdout;
    assert!(verb.contains("--ttl"), "{verb}");
    let wrong = app.verb(&["help", "sned"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("did you mean `send`?"),
        "{}",
        wrong.stderr
    );
    let wrong = app.verb(&["help", "data", "nothing", "--json"]);
    assert_eq!(wrong.json()["error"]["code"], json!("usage"));
}
