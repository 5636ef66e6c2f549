//! The text of each error.

use super::read;

/// The errors of a text.
#[track_caller]
pub(super) fn refused(text: &str, expected: &[&str]) {
    assert_eq!(read(text).unwrap_err(), expected, "{text}");
}

/// The errors of an upstream `p` with a URL and, from line 3, these lines.
#[track_caller]
pub(super) fn refused_in_p(lines: &str, expected: &[&str]) {
    refused(&format!("[upstreams.p]\nurl = \"https://p\"\n{lines}"), expected);
}

#[test]
fn a_text_that_is_not_toml_and_one_without_upstreams() {
    refused(
        "[upstreams.p]\nurl = \"http",
        &["2:12: not TOML: invalid basic string, expected `\"`"],
    );
    refused(
        "[upstreams.p]\nurl = \"http://p\"\n[upstreams.p]\n",
        &["3:12: not TOML: duplicate key"],
    );
    refused("a = 1\na = 2", &["2:1: not TOML: duplicate key"]);
    for empty in ["", "[upstreams]", "# nothing"] {
        refused(empty, &["1:1: the file has no [upstreams.NAME]: expected at least one"]);
    }
    refused(
        "upstreams = 5",
        &[
            "1:1: the file has no [upstreams.NAME]: expected at least one",
            "1:13: upstreams is an integer: expected a table",
        ],
    );
    refused("[upstreams]\np = \"http://p\"", &["2:5: upstreams.p is a string: expected a table"]);
}

#[test]
fn unknown_keys_with_the_key_that_is_probably_meant() {
    refused(
        "[upstream.p]\n",
        &[
            "1:1: the file has no [upstreams.NAME]: expected at least one",
            "1:2: upstream is unknown: did you mean upstreams?",
        ],
    );
    refused_in_p(
        "retry_max_atempts = 3\nURL = 1\ncolour = 1\n\"\\u001b[1m\" = 1",
        &[
            "3:1: upstreams.p.retry_max_atempts is unknown: did you mean retry_max_attempts?",
            "4:1: upstreams.p.URL is unknown: did you mean url?",
            "5:1: upstreams.p.colour is unknown: expected url, headers, token, tls or another key of docs/gateway.md",
            "6:1: upstreams.p.\"\\u{1b}[1m\" is unknown: expected url, headers, token, tls or another key of \
         docs/gateway.md",
        ],
    );
    refused_in_p(
        "tls = { ca = \"ca.pem\" }",
        &[
            "3:9: upstreams.p.tls.ca is unknown: expected ca_file, client_certificate_file, client_key_file, server_name",
        ],
    );
}

#[test]
fn names_and_urls() {
    const URL: &str = "http:// or https:// with host or host:port, without user, path or query";
    refused(
        "[upstreams.Pay]\nurl = \"http://p\"",
        &["1:12: upstreams.Pay is not a valid name: expected 1 to 63 of a-z, 0-9, - and _"],
    );
    refused("[upstreams.p]", &[&format!("1:1: upstreams.p has no url: expected {URL}")]);
    refused(
        "[upstreams.p]\nurl = \"http://u:secret@p\"",
        &[&format!("2:7: upstreams.p.url=\"http://(hidden)@p\" is not valid: expected {URL}")],
    );
    refused(
        "[upstreams.p]\nurl = 5",
        &["2:7: upstreams.p.url is an integer: expected a string or a list of strings"],
    );
}

#[test]
fn lists_of_urls_and_endpoints() {
    refused(
        "[upstreams.p]\nurl = [\"http://a\", \"https://b\", 5, \"http://a/\"]\nendpoints = \"some\"",
        &[
            "2:20: upstreams.p.url[1] has another scheme than the first",
            "2:33: upstreams.p.url[2] is an integer: expected a string",
            "2:36: upstreams.p.url[3] is there twice",
            "3:13: upstreams.p.endpoints=\"some\" is not valid: expected one or all",
        ],
    );
    refused("[upstreams.p]\nurl = []", &["2:7: upstreams.p.url has 0 URLs: expected 1 to 1000"]);
    refused_in_p(
        "endpoints = true",
        &["3:13: upstreams.p.endpoints is a boolean: expected one or all"],
    );
    refused_in_p(
        "eject_base_time = 20\neject_max_time = 10\neject_max_share = 2",
        &[
            "4:18: upstreams.p.eject_max_time=\"10\" is not valid: expected no less than eject_base_time=20",
            "5:19: upstreams.p.eject_max_share=\"2\" is not valid: expected a number from 0 to 1",
        ],
    );
}

#[test]
fn settings_in_the_words_of_the_file() {
    refused_in_p(
        "breaker_fail_max = -1\npool_max_age = -1\nbody_idle_timeout = 0",
        &[
            "3:20: upstreams.p.breaker_fail_max=\"-1\" is not valid: expected a whole number from 0 to 1000000",
            "4:16: upstreams.p.pool_max_age=\"-1\" is not valid: expected a number of seconds, more than 0 and at most \
         2592000, without a unit",
            "5:21: upstreams.p.body_idle_timeout=\"0\" is not valid: expected a number of seconds, more than 0 and at most \
         2592000, without a unit",
        ],
    );
    refused_in_p(
        "attempt_timeout = \"2s\"\nretry_jitter = [1]\nbreaker_min_calls = 1979-05-27",
        &[
            "3:19: upstreams.p.attempt_timeout=\"2s\" is not valid: expected a number of seconds, more than 0 and at most \
         2592000, without a unit",
            "4:16: upstreams.p.retry_jitter is an array: expected a number, a string or a boolean",
            "5:21: upstreams.p.breaker_min_calls is a datetime: expected a number, a string or a boolean",
        ],
    );
    refused_in_p(
        "chaos_failure_rate = 0.1",
        &[
            "3:22: upstreams.p.chaos_failure_rate=\"0.1\" is not valid: expected ADMIN_TOKEN to be set",
        ],
    );
}

#[test]
fn contradictions_where_one_of_the_settings_is_set() {
    refused_in_p(
        "fallback_max_age = 5",
        &[
            "3:20: upstreams.p.fallback_max_age=\"5\" is not valid: expected fallback=stale to be set",
        ],
    );
    refused_in_p(
        "rate_burst = 2",
        &["3:14: upstreams.p.rate_burst=\"2\" is not valid: expected rate_limit to be set"],
    );
    refused_in_p(
        "priority_header = \"x-important\"",
        &[
            "3:19: upstreams.p.priority_header=\"x-important\" is not valid: expected concurrency_max or throttle=on \
         to be set",
        ],
    );
    refused_in_p(
        "attempt_timeout = 6",
        &[
            "3:19: upstreams.p.breaker_trial_lease=\"5\" is not valid: expected no less than attempt_timeout=6",
        ],
    );
    refused_in_p(
        "concurrency_floor = 3\nconcurrency_max = 7",
        &[
            "3:21: upstreams.p.concurrency_floor=\"3\" is not valid: expected concurrency_max=auto to be set",
        ],
    );
}

#[test]
fn what_follows_from_another_error_is_no_error() {
    refused_in_p(
        "rate_limit = \"x\"\nrate_burst = 2",
        &[
            "3:14: upstreams.p.rate_limit=\"x\" is not valid: expected a whole number from 1 to 1000000 followed by /s, /m \
         or /h, such as 100/s",
        ],
    );
    refused_in_p(
        "rate_limit = []\nrate_burst = 2",
        &["3:14: upstreams.p.rate_limit is an array: expected a number, a string or a boolean"],
    );
}

#[test]
fn secrets_without_showing_them() {
    const FORMS: &str = "a string, { file = \"path\" } or { env = \"VARIABLE\" }";
    refused_in_p(
        "token = 5",
        &[&format!("3:9: upstreams.p.token is an integer: expected {FORMS}")],
    );
    refused_in_p(
        "token = { env = \"SPACES\" }",
        &[
            "3:9: upstreams.p.token=\"(hidden)\" is not valid: expected 1 to 1024 visible ASCII characters without spaces",
        ],
    );
    refused_in_p("token = {}", &[&format!("3:9: upstreams.p.token: expected {FORMS}")]);
    refused_in_p(
        "token = { env = \"NONE\" }",
        &[
            "3:17: upstreams.p.token.env=\"NONE\" is not valid: expected the name of a variable that is set, to UTF-8 text",
        ],
    );
    refused_in_p(
        "token = { file = \"none\" }",
        &[
            "3:18: upstreams.p.token.file=\"none\" is not valid: expected a file that can be read: entity not found",
        ],
    );
    refused_in_p(
        "token = { file = \"binary\" }",
        &[
            "3:18: upstreams.p.token.file=\"binary\" is not valid: expected a file that can be read: it is not UTF-8",
        ],
    );
}

#[test]
fn headers() {
    refused_in_p(
        "headers = { Via = \"a\", x-forwarded-for = \"b\", \"a b\" = \"c\" }",
        &[
            "3:13: upstreams.p.headers.Via is not allowed: the gateway sets this header itself, or removes it",
            "3:24: upstreams.p.headers.x-forwarded-for is not allowed: the gateway sets this header itself, or removes it",
            "3:47: upstreams.p.headers.\"a b\" is not the name of a header",
        ],
    );
    refused_in_p(
        "headers = { X-A = \"a\", x-a = \"b\" }",
        &["3:24: upstreams.p.headers.x-a is set twice: names of headers have no case"],
    );
    refused_in_p(
        "headers = { x = \"a\\nb\", cookie = \"a\\nb\" }",
        &[
            "3:17: upstreams.p.headers.x=\"(hidden)\" is not valid: expected visible ASCII characters and spaces",
            "3:34: upstreams.p.headers.cookie=\"(hidden)\" is not valid: expected visible ASCII characters and spaces",
        ],
    );
    refused_in_p("headers = 1", &["3:11: upstreams.p.headers is an integer: expected a table"]);
}

#[test]
fn tls() {
    refused_in_p(
        "tls = { ca_file = 5, server_name = \"a b\" }",
        &[
            "3:19: upstreams.p.tls.ca_file is an integer: expected a string",
            "3:36: upstreams.p.tls.server_name=\"a b\" is not valid: expected a host name or an IP address that a \
         certificate can have",
        ],
    );
    let missing = "tls = { ca_file = \"/nowhere/ca.pem\" }";
    refused_in_p(
        missing,
        &[
            "3:19: upstreams.p.tls.ca_file=\"/nowhere/ca.pem\" is not valid: expected a readable file: No such file or \
         directory (os error 2)",
        ],
    );
    refused_in_p(
        "tls.client_key_file = \"/k.pem\"",
        &[
            "3:23: upstreams.p.tls.client_key_file=\"/k.pem\" is not valid: expected the file of its certificate to be \
         set too",
        ],
    );
    refused(
        &format!("[upstreams.p]\nurl = \"http://p\"\n{missing}"),
        &[
            "3:19: upstreams.p.tls.ca_file=\"/nowhere/ca.pem\" is not valid: expected an upstream with an https URL",
        ],
    );
    refused(
        "[upstreams.p]\nurl = \"https://a..b\"",
        &[
            "2:7: upstreams.p.url=\"https://a..b\" is not valid: expected a host name or an IP address that a \
         certificate can have",
        ],
    );
}
