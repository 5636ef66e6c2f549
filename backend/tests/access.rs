//! Who may change the backend, and what it tells to nobody.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{fs, path::Path};

use resilience_testing::{
    http::{Request, ask_raw},
    process::Process,
};
use support::start;

const TOKEN: &str = "MarkerOfTheToken7Qx";
const ANOTHER: &str = "MarkerOfAnother9Zk";

/// The paths of all endpoints in the sources of the service and of its edge.
fn registered() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for file in ["src/routes.rs", "../actors/edge/src/http/app.rs"] {
        let source = fs::read_to_string(here.join(file)).unwrap();
        let code: Vec<_> =
            source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        for other in ["web::resource(", "web::scope(", "web::post(", "web::put(", ".route("] {
            assert!(!code.contains(other), "{file}: {other}...) is not seen by this test");
        }
        let found = code.split("endpoint(\"").skip(1).filter_map(|rest| rest.split('"').next());
        paths.extend(found.map(str::to_owned));
    }
    assert!(paths.iter().any(|path| path == "/api/faults") && paths.len() > 5, "{paths:?}");
    paths
}

/// All that the backend answers to one request, byte for byte. It may close without having read all of it, or reset on purpose.
fn ask(backend: &Process, line: &str, headers: &str, body: &str) -> String {
    ask_raw(backend.address(), Request::new(line).headers(headers).body(body))
}

#[test]
fn whatever_is_not_for_reading_is_refused_on_every_path_without_the_token() {
    let backend = start(&[("ADMIN_TOKEN", TOKEN)]);
    let before = ask(&backend, "GET /api/faults", "", "");
    let wrong = [
        String::new(),
        "authorization:\r\n".to_owned(),
        "authorization: Bearer\r\n".to_owned(),
        format!("authorization: Bearer {}\r\n", &TOKEN[1..]),
        format!("authorization: Bearer {}\r\n", &TOKEN[..TOKEN.len() - 1]),
        format!("authorization: Bearer {TOKEN}x\r\n"),
        format!("authorization: Basic {TOKEN}\r\n"),
        format!("authorization: {TOKEN}\r\n"),
        format!("authorization: Bearer {TOKEN}\r\nauthorization: Bearer {ANOTHER}\r\n"),
        format!("authorization: Bearer {TOKEN}\r\nauthorization: Bearer {TOKEN}\r\n"),
        format!("authorization: Bearer {TOKEN}, Bearer {TOKEN}\r\n"),
        "authorization: Bearer \u{e9}\r\n".to_owned(),
    ];
    let mut changing = Vec::new();
    for path in registered() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "MKCOL"] {
            for headers in &wrong {
                let answer = ask(&backend, &format!("{method} {path}"), headers, "{}");
                if answer.starts_with("HTTP/1.1 405 ") {
                    break;
                }
                assert!(answer.starts_with("HTTP/1.1 401 "), "{method} {path} {headers}: {answer}");
                let answer = answer.to_lowercase();
                assert!(answer.contains("\r\nwww-authenticate: bearer\r\n"), "{answer}");
                assert!(answer.contains("\"error\":\"unauthorized\""), "{answer}");
                changing.push(format!("{method} {path}"));
            }
        }
    }
    changing.dedup();
    assert_eq!(changing, ["PUT /api/faults"], "docs/endpoints.md names these");
    let body = |answer: &str| answer.split("\r\n\r\n").nth(1).map(str::to_owned);
    assert_eq!(body(&ask(&backend, "GET /api/faults", "", "")), body(&before));
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let answer = ask(&backend, "PUT /api/faults", &right, "{\"failure_rate\": 0}");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
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
fn no_secret_is_told_in_logs_metrics_or_answers() {
    for format in ["text", "json"] {
        let variables = [
            ("ADMIN_TOKEN", TOKEN),
            ("RUST_LOG", "trace"),
            ("LOG_FORMAT", format),
            ("SLOW_RESPONSE_DELAY", "0"),
        ];
        let mut backend = start(&variables);
        let mut told = String::new();
        for secret in [TOKEN, ANOTHER] {
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
        for line in log.lines().chain(told.lines()) {
            let line = line.to_lowercase();
            for secret in [TOKEN, ANOTHER] {
                assert!(!line.contains(&secret.to_lowercase()), "{line}");
            }
        }
    }
}

#[test]
fn what_is_long_in_a_request_is_not_in_the_answer() {
    let backend = start(&[]);
    // Nearly as much as heads and bodies may have.
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
