//! Secrets: no log, metric, event or answer shows one.

use resilience_testing::{
    access::{TOKEN, WRONG_TOKEN, assert_shown_nowhere},
    http::{Request, ask_raw},
    process::{Process, command, run_to_end},
};
use serde_json::{Value, json};

use crate::{CLIENT, alternating_backend, support::config};

/// The beginning of the stream of events, and the lines that a call adds to it.
fn events(client: &Process, headers: &str) -> String {
    let mut stream = client.connect();
    stream.send(Request::new("GET /api/events").headers(headers));
    let told = stream.lines_until("event: hello");
    client.ask(Request::new("GET /api/call-backend").headers(headers));
    told + &stream.lines_until("event: call") + &stream.lines_until("\n")
}

/// At `trace`, the level with the most lines.
#[test]
fn no_secret_is_shown_in_logs_metrics_events_or_answers() {
    for format in ["text", "json"] {
        let backend = alternating_backend();
        let url = backend.url();
        let variables = [
            ("BACKEND_URL", url.as_str()),
            ("ADMIN_TOKEN", TOKEN),
            ("RUST_LOG", "trace"),
            ("LOG_FORMAT", format),
            ("RETRY_BASE_DELAY", "0.01"),
            ("BREAKER_RESET_TIMEOUT", "0.2"),
        ];
        let mut client = Process::start(command(CLIENT, &variables));
        let ask = |line: &str, headers: &str, body: &str| {
            ask_raw(client.address(), Request::new(line).headers(headers).body(body))
        };
        let mut told = String::new();
        for secret in [TOKEN, WRONG_TOKEN] {
            let bearer = format!("authorization: Bearer {secret}\r\n");
            let basic = format!("authorization: Basic {secret}\r\n");
            let twice = format!("{bearer}{basic}");
            for headers in [&bearer, &basic, &twice] {
                for line in [
                    "GET /health",
                    "GET /api/call-backend",
                    "GET /api/call-backend-without-resilience",
                    "GET /api/test-retry",
                    "GET /api/stats",
                    "GET /api/circuit-breaker",
                    "GET /api/backend/faults",
                    "GET /api/events/history?limit=1000",
                    "GET /api/events/history?limit=x",
                    "GET /metrics",
                    "GET /nothing",
                    "DELETE /health",
                    "POST /api/circuit-breaker/force-open",
                    "POST /api/circuit-breaker/disable",
                    "POST /api/circuit-breaker/enable",
                    "POST /api/circuit-breaker/reset",
                ] {
                    told += &ask(line, headers, "");
                }
                for body in ["{}", "not json", "{\"num_requests\": 0}", "{\"x\": 1}"] {
                    told += &ask("POST /api/stress-test", headers, body);
                    told += &ask("PUT /api/backend/faults", headers, body);
                }
                told += &events(&client, headers);
                // A head that cannot be read is an error of its own.
                told += &ask("GET /health", &format!("{headers}bad header\r\n"), "");
            }
        }
        let token = format!("authorization: bearer {}", TOKEN.to_lowercase());
        let passed_on = backend.heads().iter().any(|head| head.to_lowercase().contains(&token));
        assert!(passed_on, "the replicas were not asked with the token: nothing is proved");
        assert!(told.contains("HTTP/1.1 200") && told.contains("HTTP/1.1 401"), "{told}");
        assert!(told.contains("event: hello"), "{told}");
        assert!(client.terminate().success());
        let (log, out) = (client.log(), client.output());
        assert!(log.contains("ADMIN_TOKEN=(set)") && log.contains("TRACE"), "{log}");
        let texts = [("the log", log.as_str()), ("stdout", &out), ("an answer", &told)];
        assert_shown_nowhere(&[TOKEN, WRONG_TOKEN], &texts);
    }
}

#[test]
fn a_password_in_an_address_stops_the_start_and_is_not_shown() {
    for variable in ["BACKEND_URL", "BACKEND_FAULTS_HOST"] {
        let scheme = if variable == "BACKEND_URL" { "http://" } else { "" };
        let value = format!("{scheme}admin:{}@backend:5000", TOKEN);
        let ended = run_to_end(command(CLIENT, &[(variable, &value), ("RUST_LOG", "trace")]));
        assert_eq!(ended.status.code(), Some(2));
        let told = String::from_utf8(ended.stderr).unwrap();
        assert!(
            told.starts_with(&format!("{variable}=\"{scheme}(hidden)@backend:5000\"")),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn printed_settings_do_not_show_the_secret() {
    let config = config("http://127.0.0.1:1", &[("ADMIN_TOKEN", TOKEN)]);
    let shown: Value = json!([format!("{config:?}"), format!("{config:#?}"), config.summary]);
    assert!(!shown.to_string().contains(TOKEN), "{shown}");
}
