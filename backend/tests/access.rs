//! Access to the backend: which requests need the admin token, and that no secret is shown.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::collections::BTreeSet;

use resilience_testing::{
    access::{
        TOKEN, WRONG_TOKEN, assert_shown_nowhere, changes_that_need_the_token, registered_paths,
    },
    http::{Request, ask_raw},
    process::Process,
};
use support::start;

/// The paths of all endpoints in the sources of the service and of its edge.
fn registered() -> BTreeSet<String> {
    let paths = registered_paths(env!("CARGO_MANIFEST_DIR"));
    assert!(paths.contains("/api/faults") && paths.len() > 5, "{paths:?}");
    paths
}

/// All bytes that the backend sends in response to one request. It may close before it has read the whole request, or
/// reset on purpose.
fn ask(backend: &Process, line: &str, headers: &str, body: &str) -> String {
    ask_raw(backend.address(), Request::new(line).headers(headers).body(body))
}

#[actix_web::test]
async fn every_changing_request_needs_the_token() {
    let backend = start(&[("ADMIN_TOKEN", TOKEN)]);
    let before = backend.get("/api/faults").text;
    let ask = async |method: &str, path: &str, authorization: &[Vec<u8>]| {
        let header = |value: &Vec<u8>| [b"authorization: ", value.as_slice(), b"\r\n"].concat();
        let headers: Vec<u8> = authorization.iter().flat_map(header).collect();
        backend.ask(Request::new(format!("{method} {path}")).headers(headers).body("{}"))
    };
    let changes = changes_that_need_the_token(TOKEN, &registered(), ask).await;
    assert_eq!(changes, ["PUT /api/faults".to_owned()].into(), "docs/endpoints.md names these");
    assert_eq!(backend.get("/api/faults").text, before);
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let request = Request::new("PUT /api/faults").headers(right).body("{\"failure_rate\": 0}");
    assert_eq!(backend.ask(request).status, 200);
}

#[test]
fn a_load_balancers_probe_needs_no_token_and_changes_nothing() {
    let backend = start(&[("ADMIN_TOKEN", TOKEN)]);
    let before = ask(&backend, "GET /api/faults", "", "");
    for path in registered().into_iter().chain(["*".to_owned()]) {
        let answer = ask(&backend, &format!("OPTIONS {path}"), "", "{\"failure_rate\": 1}");
        assert!(answer.starts_with("HTTP/1.1 204 "), "{path}: {answer}");
        assert!(answer.to_lowercase().contains("\r\nallow: get, head, "), "{path}: {answer}");
    }
    for probe in
        ["OPTIONS / HTTP/1.0", "OPTIONS /health HTTP/1.0", "HEAD / HTTP/1.0", "GET / HTTP/1.0"]
    {
        let mut connection = backend.connect();
        // HAProxy's has no header at all.
        connection.say(format!("{probe}\r\n\r\n"));
        let answer = connection.rest();
        assert!(answer.starts_with("HTTP/1.0 20"), "{probe}: {answer}");
    }
    let body = |answer: &str| answer.split("\r\n\r\n").nth(1).map(str::to_owned);
    assert_eq!(body(&ask(&backend, "GET /api/faults", "", "")), body(&before));
}

#[test]
fn no_secret_is_shown_in_logs_metrics_or_answers() {
    for format in ["text", "json"] {
        let variables = [
            ("ADMIN_TOKEN", TOKEN),
            ("RUST_LOG", "trace"),
            ("LOG_FORMAT", format),
            ("SLOW_RESPONSE_DELAY", "0"),
        ];
        let mut backend = start(&variables);
        let mut told = String::new();
        for secret in [TOKEN, WRONG_TOKEN] {
            for scheme in ["Bearer", "Basic"] {
                let header = format!("authorization: {scheme} {secret}\r\n");
                for line in [
                    "GET /health",
                    "GET /ready",
                    "GET /metrics",
                    "GET /nothing",
                    "GET /api/data",
                    "GET /api/transient-failure",
                    "GET /api/metrics",
                    "GET /api/faults",
                    "DELETE /api/faults",
                ] {
                    told += &ask(&backend, line, &header, "");
                }
                for body in
                    ["{\"sequence\": [\"reset\", \"fail\"]}", "not json", "{}", "{\"x\": 1}"]
                {
                    told += &ask(&backend, "PUT /api/faults", &header, body);
                    told += &ask(&backend, "GET /api/data", &header, "");
                }
                told += &ask(&backend, "GET /health", &format!("{header}bad header\r\n"), "");
                let bad_rate = format!("{header}x-failure-rate: high\r\n");
                told += &ask(&backend, "GET /api/data", &bad_rate, "");
            }
        }
        assert!(told.contains("HTTP/1.1 200 ") && told.contains("HTTP/1.1 401 "), "{told}");
        assert!(backend.terminate().success());
        let log = backend.log();
        assert!(log.contains("ADMIN_TOKEN=(set)"), "{log}");
        assert_shown_nowhere(&[TOKEN, WRONG_TOKEN], &[("the log", &log), ("an answer", &told)]);
    }
}

#[test]
fn a_long_part_of_a_request_is_shortened_in_the_answer() {
    let backend = start(&[]);
    // Nearly the maximum sizes of heads and bodies.
    let (path, long) = ("x".repeat(15_000), "x".repeat(60_000));
    for (line, headers, body) in [
        (format!("GET /{path}"), String::new(), String::new()),
        ("GET /api/data".to_owned(), format!("x-failure-rate: {path}\r\n"), String::new()),
        ("PUT /api/faults".to_owned(), String::new(), format!("{{\"{long}\": 1}}")),
        ("PUT /api/faults".to_owned(), String::new(), format!("{{\"repeat\": \"{long}\"}}")),
        ("PUT /api/faults".to_owned(), String::new(), format!("{{\"sequence\": [\"{long}\"]}}")),
    ] {
        let answer = ask(&backend, &line, &headers, &body);
        assert!(answer.starts_with("HTTP/1.1 4"), "{}", &answer[..answer.len().min(200)]);
        assert!(answer.contains("characters left out") && answer.len() < 2_000, "{}", answer.len());
    }
}
