//! Each trip of the circuit breaker over HTTP: what opens the circuit, and which endpoints show it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use resilience_actors::State;
use resilience_testing::{
    PATIENCE,
    server::{Peer, Server, http, ok},
    until_async,
};
use serde_json::{Value, json};
use support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";
const CIRCUIT: &str = "/api/circuit-breaker";
const ONE_ATTEMPT: (&str, &str) = ("RETRY_MAX_ATTEMPTS", "1");
const NO_STREAK: (&str, &str) = ("BREAKER_FAIL_MAX", "0");

/// A backend that fails every second request, beginning with the second.
fn failing_half() -> Server {
    let requests = AtomicUsize::new(0);
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            let fails = requests.fetch_add(1, Ordering::SeqCst) % 2 == 1;
            peer.say(if fails { http("500 Oops", "", "{}") } else { ok("{}") });
        }
    })
}

/// A backend that answers requests for `/api/transient-failure` only.
fn hanging_data() -> Server {
    Server::start(|mut peer| {
        while let Some(head) = peer.request() {
            if !head.starts_with("GET /api/transient-failure ") {
                return peer.hold();
            }
            peer.say(ok("{}"));
        }
    })
}

/// The reason of the last opening.
fn cause(history: &Value) -> &str {
    history["events"].as_array().unwrap().last().unwrap()["cause"].as_str().unwrap()
}

#[track_caller]
fn assert_circuit_lines(metrics: &str, expected: &[&str]) {
    let line = |line| format!("resilience4j_circuitbreaker_{line}");
    assert_lines(metrics, &expected.iter().map(line).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_failure_rate_of_half_opens_the_circuit() {
    let upstream = failing_half();
    let rate = [
        ("BREAKER_FAILURE_RATE", "0.5"),
        ("BREAKER_WINDOW", "10"),
        ("BREAKER_MIN_CALLS", "10"),
        ONE_ATTEMPT,
    ];
    let lab = lab(config(&upstream.url(), &rate)).await;
    for call in 1..10 {
        let answer = lab.get(CALL).await;
        assert_eq!(answer.body["circuit_breaker_state"], "closed", "call {call}");
    }
    let last = lab.get(CALL).await;
    assert_eq!(
        (last.status, &last.body["circuit_breaker_state"]),
        (500, &"open".into()),
        "no two failures were in a row"
    );
    assert_eq!(lab.get(CALL).await.status, 503);
    assert_eq!(upstream.requests(), 10);
    let history = lab.get("/api/events/history?type=transition").await.body;
    assert_eq!(cause(&history), "50 % of the last 10 calls failed, last: status 500");
}

#[actix_web::test]
async fn the_failure_rate_is_shown_after_the_minimum_number_of_calls() {
    let upstream = failing_half();
    let rate = [
        ("BREAKER_FAILURE_RATE", "0.9"),
        ("BREAKER_WINDOW", "20"),
        ("BREAKER_MIN_CALLS", "4"),
        ONE_ATTEMPT,
    ];
    let lab = lab(config(&upstream.url(), &rate)).await;
    for _ in 0..3 {
        lab.get(CALL).await;
    }
    assert_eq!(lab.get(CIRCUIT).await.body["current_failure_rate"], Value::Null);
    assert_circuit_lines(&lab.text("/metrics").await, &[r#"failure_rate{name="backend"} -1"#]);
    lab.get(CALL).await;
    for shown in
        [lab.get(CIRCUIT).await.body, lab.get("/api/stats").await.body["circuit_breaker"].clone()]
    {
        for (key, value) in [
            ("current_failure_rate", json!(0.5)),
            ("current_slow_rate", Value::Null),
            ("buffered_calls", json!(4)),
            ("failed_calls", json!(2)),
            ("slow_calls", json!(0)),
            ("fail_counter", json!(1)),
            ("fail_max", json!(5)),
            ("failure_rate", json!(0.9)),
            ("slow_rate", Value::Null),
            ("window", json!({"calls": 20})),
            ("min_calls", json!(4)),
        ] {
            assert_eq!(shown[key], value, "{key}");
        }
    }
    let metrics = lab.text("/metrics").await;
    assert_circuit_lines(
        &metrics,
        &[
            r#"failure_rate{name="backend"} 50"#,
            r#"buffered_calls{name="backend",kind="failed"} 2"#,
            r#"buffered_calls{name="backend",kind="successful"} 2"#,
        ],
    );
    assert!(!metrics.contains("circuitbreaker_slow_"), "no trip looks at slow calls");
}

#[actix_web::test]
async fn consecutive_failures_do_not_open_if_that_trip_is_off() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let rate = [
        NO_STREAK,
        ("BREAKER_FAILURE_RATE", "1"),
        ("BREAKER_WINDOW", "12"),
        ("BREAKER_MIN_CALLS", "12"),
    ];
    let lab = lab(config(&upstream.url(), &rate)).await;
    let answer = lab.post("/api/stress-test", r#"{"num_requests": 20}"#).await;
    assert_eq!(answer.body["summary"]["by_status"], json!({"500": 12, "503": 8}));
    let shown = lab.get(CIRCUIT).await.body;
    assert_eq!((&shown["fail_counter"], &shown["fail_max"]), (&0.into(), &0.into()));
    let history = lab.get("/api/events/history?type=transition").await.body;
    assert_eq!(cause(&history), "100 % of the last 12 calls failed, last: status 500");
}

#[actix_web::test]
async fn a_hanging_backend_opens_the_circuit_by_slow_calls_before_any_timeout() {
    let upstream = Server::start(Peer::hold);
    let slow = [
        NO_STREAK,
        ("BREAKER_SLOW_RATE", "0.5"),
        ("BREAKER_SLOW_CALL", "0.05"),
        ("BREAKER_WINDOW", "60s"),
        ("BREAKER_MIN_CALLS", "4"),
        ("ATTEMPT_TIMEOUT", "60"),
        ("CALL_DEADLINE", "60"),
        ("BREAKER_TRIAL_LEASE", "60"),
    ];
    let lab = lab(config(&upstream.url(), &slow)).await;
    let opened =
        until_async("the circuit is open", PATIENCE, async || lab.breaker.state() == State::Open);
    tokio::select! {
        answers = join_all((0..4).map(|_| lab.get(CALL))) => panic!("{answers:?}"),
        () = opened => {}
    }
    assert_eq!(lab.get(CALL).await.status, 503);
    let history = lab.get("/api/events/history?type=transition").await.body;
    assert_eq!(cause(&history), "100 % of 4 calls in 60.0s took over 0.05s");
    assert_eq!(lab.get(CIRCUIT).await.body["window"], json!({"seconds": 60.0}));
}

#[actix_web::test]
async fn slow_calls_are_shown_while_they_are_in_flight() {
    let upstream = hanging_data();
    let slow = [
        NO_STREAK,
        ("BREAKER_SLOW_RATE", "0.9"),
        ("BREAKER_SLOW_CALL", "0.3"),
        ("BREAKER_MIN_CALLS", "4"),
        ("ATTEMPT_TIMEOUT", "60"),
        ("CALL_DEADLINE", "60"),
        ("BREAKER_TRIAL_LEASE", "60"),
    ];
    let lab = lab(config(&upstream.url(), &slow)).await;
    for _ in 0..2 {
        lab.get("/api/test-retry").await;
    }
    let metrics = lab.text("/metrics").await;
    assert_circuit_lines(
        &metrics,
        &[r#"slow_calls{name="backend"} 0"#, r#"slow_call_rate{name="backend"} -1"#],
    );
    let none = "resilience4j_circuitbreaker_failure_rate";
    assert!(!metrics.contains(none), "no trip counts failures");
    let counted = until_async("two calls are slow", PATIENCE, async || {
        let shown = lab.get(CIRCUIT).await.body;
        shown["slow_calls"] == 2 && shown["current_slow_rate"] == 0.5
    });
    tokio::select! {
        answers = join_all((0..2).map(|_| lab.get(CALL))) => panic!("{answers:?}"),
        () = counted => {}
    }
    assert_circuit_lines(
        &lab.text("/metrics").await,
        &[r#"slow_calls{name="backend"} 2"#, r#"slow_call_rate{name="backend"} 50"#],
    );
}

#[actix_web::test]
async fn failures_further_apart_than_the_maximum_age_are_no_streak() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let aged = [("BREAKER_FAIL_MAX", "2"), ("BREAKER_STREAK_MAX_AGE", "0.05"), ONE_ATTEMPT];
    let lab = lab(config(&upstream.url(), &aged)).await;
    lab.get(CALL).await;
    until_async("the streak is over", PATIENCE, async || lab.breaker().await.fail_counter == 0)
        .await;
    let answer = lab.get(CALL).await;
    assert_eq!(answer.body["circuit_breaker_state"], "closed");
}

#[actix_web::test]
async fn each_reopening_lasts_longer_up_to_the_maximum_open_time() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let growing = [
        ("BREAKER_FAIL_MAX", "1"),
        ("BREAKER_RESET_TIMEOUT", "0.05"),
        ("BREAKER_RESET_BACKOFF", "1.5"),
        ("BREAKER_RESET_MAX", "0.1"),
        ONE_ATTEMPT,
    ];
    let lab = lab(config(&upstream.url(), &growing)).await;
    for open_time in [0.05, 0.075, 0.1, 0.1] {
        assert_eq!(lab.get(CALL).await.status, 500);
        assert_eq!(lab.get(CIRCUIT).await.body["open_time"], open_time);
        until_async("half-open by itself", PATIENCE, async || {
            lab.breaker.state() == State::HalfOpen
        })
        .await;
    }
    let closed = lab.post("/api/circuit-breaker/reset", "").await;
    assert_eq!(closed.status, 200);
    assert_eq!(lab.get(CIRCUIT).await.body["open_time"], 0.05);
}

#[actix_web::test]
async fn a_scrape_is_small_with_every_trip_configured() {
    let all = [
        ("BREAKER_FAILURE_RATE", "0.5"),
        ("BREAKER_SLOW_RATE", "0.5"),
        ("BREAKER_SLOW_CALL", "0.1"),
    ];
    let small = lab(config("http://127.0.0.1:1", &[])).await.text("/metrics").await;
    let large = lab(config("http://127.0.0.1:1", &all)).await.text("/metrics").await;
    let series = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(series(&large), series(&small) + 2);
    assert!(series(&large) < 500 && large.len() < 50_000, "{} bytes", large.len());
}
