//! `CHAOS_*`: injected faults, seen in answers, statistics, metrics, events and the log.

use actix_web::{http::header::AUTHORIZATION, test::TestRequest};
use resilience_testing::{
    http::{Request, ask},
    process::{Process, command, run_to_end},
    server::{Server, ok},
};
use serde_json::json;

use crate::support::{assert_lines, config, lab};

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");
const TOKEN: (&str, &str) = ("ADMIN_TOKEN", "s3cret");

#[actix_web::test]
async fn injected_failures_are_answered_retried_and_counted_and_do_not_reach_the_backend() {
    let backend = Server::answering(ok("{}"));
    let settings = [TOKEN, ("CHAOS_FAILURE_RATE", "1")];
    let lab = lab(config(&backend.url(), &settings)).await;
    let answer = lab.get("/api/test-retry").await;
    assert_eq!(answer.status, 502);
    let expected = json!({ "error": "Bad Gateway", "message": "injected failure" });
    assert_eq!(answer.body["backend_response"], expected);
    let attempts = answer.body["attempt_log"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        let fields = [&attempt["outcome"], &attempt["injected"], &attempt["status_code"]];
        assert_eq!(fields, [&json!("server_error"), &json!("failure"), &json!(null)]);
    }
    assert_eq!((backend.requests(), lab.breaker().await.fail_counter), (0, 1));

    let stats = lab.get("/api/stats").await.body;
    let expected = json!({
        "failure_rate": 1.0, "delay_rate": 0.0, "delay_seconds": 1.0, "panic_rate": 0.0,
        "attempts": 2, "failures": 2, "delays": 0, "panics": 0,
    });
    assert_eq!(stats["policies"], json!({ "chaos": expected }));
    assert_eq!(stats["statistics"]["failed_requests"], 1);
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"client_fault_injection_active{name="backend"} 1"#,
            r#"client_injected_faults_total{name="backend",kind="failure"} 2"#,
            r#"client_injected_faults_total{name="backend",kind="delay"} 0"#,
            r#"client_injected_faults_total{name="backend",kind="panic"} 0"#,
        ],
    );
    let events = lab.get("/api/events/history?type=retry,call").await.body;
    assert_eq!(events["events"][0]["cause"], "injected failure");
    assert_eq!(events["events"][1]["attempts"][1]["injected"], "failure");
}

#[actix_web::test]
async fn injected_delays_and_panics_are_answered_like_those_of_the_transport() {
    let backend = Server::answering(ok("{}"));
    for (rate, status, outcome, injected) in [
        ("CHAOS_DELAY_RATE", 504, "timed_out", "delay"),
        ("CHAOS_PANIC_RATE", 500, "panicked", "panic"),
    ] {
        let settings = [TOKEN, (rate, "1"), ("RETRY_MAX_ATTEMPTS", "1")];
        let lab = lab(config(&backend.url(), &settings)).await;
        let answer = lab.get("/api/test-retry").await;
        let attempt = &answer.body["attempt_log"][0];
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(
            (&attempt["outcome"], &attempt["injected"]),
            (&json!(outcome), &json!(injected))
        );
        // The baseline has no policies.
        let path = "/api/call-backend-without-resilience";
        assert_eq!(lab.get(path).await.status, 200);
    }
}

#[actix_web::test]
async fn nothing_tells_of_it_while_it_is_off() {
    let backend = Server::answering(ok("{}"));
    let settings = [TOKEN, ("CHAOS_FAILURE_RATE", "0")];
    let lab = lab(config(&backend.url(), &settings)).await;
    let answer = lab.get("/api/test-retry").await;
    assert_eq!((answer.status, answer.body["attempt_log"][0].get("injected")), (200, None));
    assert_eq!(lab.get("/api/stats").await.body.get("policies"), None);
    let metrics = lab.text("/metrics").await;
    assert!(!metrics.contains("fault"), "{metrics}");
}

#[actix_web::test]
async fn it_is_switched_on_and_off_at_run_time_with_the_admin_token_only() {
    let backend = Server::answering(ok("{}"));
    let patch = |body: &str| {
        let request = TestRequest::patch().uri("/api/circuit-breaker/settings");
        request.insert_header((AUTHORIZATION, "Bearer s3cret")).set_payload(body.to_owned())
    };
    let (on, off) = (r#"{"chaos_failure_rate": 1}"#, r#"{"chaos_failure_rate": null}"#);
    let unguarded = lab(config(&backend.url(), &[])).await;
    let answer = unguarded.send(patch(on)).await;
    assert_eq!(answer.status, 400);
    let expected = "CHAOS_FAILURE_RATE=\"1\" is not valid: expected ADMIN_TOKEN to be set";
    assert_eq!(answer.body["message"], expected);

    let lab = lab(config(&backend.url(), &[TOKEN])).await;
    assert_eq!(lab.send(patch(on)).await.status, 200);
    assert_eq!(lab.get("/api/call-backend").await.status, 502);
    assert_eq!(lab.get("/api/stats").await.body["policies"]["chaos"]["failures"], 2);
    assert_eq!(lab.send(patch(off)).await.status, 200);
    assert_eq!(lab.get("/api/call-backend").await.status, 200);
    assert_eq!(lab.get("/api/stats").await.body.get("policies"), None);
}

#[test]
fn the_log_warns_that_it_is_on_and_names_the_cause_of_each_failure() {
    let backend = Server::answering(ok("{}"));
    let url = backend.url();
    let variables = [
        TOKEN,
        ("BACKEND_URL", &*url),
        ("CHAOS_FAILURE_RATE", "1"),
        ("CHAOS_SEED", "7"),
        ("RETRY_MAX_ATTEMPTS", "2"),
        ("RETRY_BASE_DELAY", "0.01"),
    ];
    let mut client = Process::start(command(CLIENT, &variables));
    assert_eq!(ask(client.address(), Request::new("GET /api/call-backend")).status, 502);
    assert!(client.terminate().success());
    let log = client.log();
    for (level, line) in [
        (
            "WARN",
            "fault injection at backend is on: 100 % of the attempts fail, 0 % are delayed by 1.000s, 0 % panic, with \
             seed 7",
        ),
        ("INFO", "retry: call 1 attempt 1/2: injected failure; next attempt in"),
        ("INFO", "retry: call 1 failed, injected failure; attempts: 2,"),
    ] {
        let found = log.lines().any(|text| text.contains(level) && text.contains(line));
        assert!(found, "{level} {line} is not in\n{log}");
    }
}

#[test]
fn without_the_admin_token_the_service_does_not_start() {
    for (name, value) in [("CHAOS_FAILURE_RATE", "0.1"), ("CHAOS_DELAY_RATE", "0")] {
        let ended = run_to_end(command(CLIENT, &[(name, value)]));
        assert_eq!(ended.status.code(), Some(2));
        let expected = format!("{name}=\"{value}\" is not valid: expected ADMIN_TOKEN to be set\n");
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), expected);
    }
}
