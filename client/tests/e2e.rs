//! The lab as its users play it: both real binaries, on free ports of this machine.
//!
//! The binaries are taken from `E2E_BIN_DIR`, or from where cargo put the client's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

mod process;

use std::time::{Duration, Instant};

use process::{Lab, ask, binary, start};
use resilience_testing::{
    Answer, PATIENCE,
    http::Request,
    process::{command, free_port, run_to_end},
    until,
};
use serde_json::Value;

const CALL: &str = "/api/call-backend";

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// The time of day of a log line, in seconds.
fn time_of(line: &str) -> f64 {
    let time = line.split_once('T').unwrap().1.split_once('Z').unwrap().0;
    time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}

/// Part B of docs/lab.md.
#[test]
fn the_stress_test_opens_the_breaker_and_it_closes_after_the_reset_timeout() {
    let lab = Lab::start(&[], &[("BREAKER_RESET_TIMEOUT", "1.5")]);
    let start = Instant::now();
    let answer = lab.post("/api/stress-test", r#"{"num_requests": 20}"#);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    let statuses: Vec<_> = answer.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status_code"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [vec![500; 5], vec![503; 15]].concat());
    assert_eq!(lab.state(), "open");

    // No calls are made: the timer alone moves to half-open. One successful call closes the circuit.
    until("half-open", Duration::from_secs(3), || lab.state() == "half-open");
    let half_open_after = start.elapsed().as_secs_f64();
    assert!((1.5..2.5).contains(&half_open_after), "{half_open_after}");
    lab.set_faults(r#"{"failure_rate": 0, "slow_response_rate": 0}"#);
    let good = lab.get(CALL);
    assert_eq!((good.status, &good.body["circuit_breaker_state"]), (200, &"closed".into()));
    assert_eq!(good.body["client_request_id"], 21, "calls are numbered one after the other");
    assert_eq!(lab.state(), "closed");

    for line in [
        "circuit_breaker: closed -> open (5 consecutive failures, last: status 500; half-open in 1.5s)",
        "circuit_breaker: open -> half-open (reset timeout of 1.5s elapsed)",
        "circuit_breaker: half-open -> closed (1 trial succeeded)",
    ] {
        lab.client.wait_for_log(line);
    }
}

/// Part C of docs/lab.md, with the waits at a twentieth.
#[test]
fn test_retry_shows_throttling_growing_waits_and_success() {
    let lab = Lab::start(&[], &[("RETRY_BASE_DELAY", "0.05")]);
    lab.set_faults(r#"{"sequence": ["transient", "transient", "ok"], "repeat": true}"#);
    for _ in 0..3 {
        let answer = lab.get("/api/test-retry");
        assert_eq!((answer.status, &answer.body["attempts"]), (200, &3.into()));
        assert_eq!(answer.body["backend_response"]["status"], "success");
        let log = answer.body["attempt_log"].as_array().unwrap();
        let statuses: Vec<_> = log.iter().map(|entry| &entry["status_code"]).collect();
        assert_eq!(statuses, [429, 429, 200]);
        let wait = |index: usize| log[index]["wait_seconds"].as_f64().unwrap();
        // As they were: on a busy machine a timer may be late, and never early.
        assert!((0.05..0.3).contains(&wait(0)) && (0.1..0.4).contains(&wait(1)), "{log:?}");
        assert_eq!(log[2]["wait_seconds"], Value::Null);
        assert_eq!(answer.body["circuit_breaker_state"], "closed");
    }
    lab.client.wait_for_log("attempt 1/4: status 429; next attempt in 0.05");
}

/// The baseline and the resilient endpoint at the lab's own rates, delays at a tenth.
#[test]
fn a_thousand_calls_at_the_default_rates_succeed_and_half_of_the_baseline_calls() {
    let slow = [("SLOW_RESPONSE_DELAY", "0.5")];
    let quick = [
        ("ATTEMPT_TIMEOUT", "0.3"),
        ("CONNECT_TIMEOUT", "0.1"),
        ("RETRY_BASE_DELAY", "0.1"),
        ("RETRY_MAX_DELAY", "1"),
        ("CALL_DEADLINE", "3"),
        ("BREAKER_TRIAL_LEASE", "0.5"),
    ];
    let lab = Lab::start(&slow, &quick);
    // The service's own load, as evenly in time as it can: 125 a second.
    let plan = r#"{"num_requests": 1000, "concurrency": 256, "failure_rate": null,
                   "retry": true, "interval_seconds": 0.008}"#;
    let answer = lab.post("/api/stress-test", plan);
    let by_status = &answer.body["summary"]["by_status"];
    let good = by_status["200"].as_u64().unwrap_or_default();
    assert!(good >= 900, "{by_status}");

    let answers = lab.load("/api/call-backend-without-resilience", 16, |done| done >= 300);
    let share = count(&answers, 200) as f64 / answers.len() as f64;
    assert!((0.4..0.6).contains(&share), "{share} of {}", answers.len());
}

#[test]
fn a_backend_killed_under_load_fails_fast_and_recovers_within_a_second_of_its_first_trial() {
    let quick =
        [("BREAKER_RESET_TIMEOUT", "1"), ("RETRY_BASE_DELAY", "0.05"), ("RETRY_MAX_DELAY", "0.2")];
    let calm = [("FAILURE_RATE", "0"), ("SLOW_RESPONSE_RATE", "0")];
    let mut lab = Lab::start(&calm, &quick);
    let load = lab.load_in_background(CALL, 8);
    until("load", Duration::from_secs(5), || lab.stat("successful_requests") > 100);

    lab.backend.kill();
    until("open", Duration::from_secs(5), || lab.state() == "open");
    // Through a trial that fails, and back to open.
    until("a second opening", Duration::from_secs(5), || {
        lab.stat("circuit_breaker_open_count") >= 2
    });

    lab.restart_backend(&calm);
    until("closed", Duration::from_secs(3), || lab.state() == "closed");
    let before = lab.stat("successful_requests");
    until("load again", Duration::from_secs(5), || lab.stat("successful_requests") > before + 100);
    let answers = load.stop();

    let by = |status| count(&answers, status);
    assert_eq!(by(200) + by(502) + by(503), answers.len(), "each call has an answer");
    assert!(by(503) > 100 && by(200) > 200, "{} 200s, {} 503s", by(200), by(503));
    // A dead backend is noticed by a few: at most each of the 8 workers, in a call and in trials.
    assert!(by(502) <= 40, "{} 502s", by(502));
    let mut refusals: Vec<_> =
        answers.iter().filter(|answer| answer.status == 503).map(|answer| answer.took).collect();
    refusals.sort_unstable();
    let median = refusals[refusals.len() / 2];
    assert!(median < Duration::from_millis(50), "a 503 takes {median:?}");

    // Under load the first trial follows half-open at once.
    let (closing, trying) = ("half-open -> closed (1 trial succeeded)", "open -> half-open");
    until("closed again, in the log", Duration::from_secs(5), || {
        let log = lab.client.log();
        log.rfind(closing).is_some_and(|closed| log.rfind(trying).is_some_and(|it| it < closed))
    });
    let log = lab.client.log();
    let closed = log.lines().rfind(|line| line.contains(closing));
    let trial = log.lines().rfind(|line| line.contains(trying));
    let took = time_of(closed.expect("closed again")) - time_of(trial.expect("a trial"));
    assert!((0.0..1.0).contains(&took), "closed {took} s after half-open");

    let seen = lab.get("/api/stats").body;
    assert_eq!(seen["statistics"]["calls_in_flight"], 0, "{seen}");
    let statistics = &seen["statistics"];
    let total = ["successful", "failed", "rejected", "abandoned"]
        .map(|kind| statistics[format!("{kind}_requests")].as_u64().unwrap());
    assert_eq!(statistics["total_requests"].as_u64().unwrap(), total.iter().sum::<u64>());
}

#[test]
fn a_hanging_refusing_or_unresolvable_backend_blocks_no_worker() {
    // One worker: if a call held it, nothing else would be answered.
    let settings = [
        ("WORKERS", "1"),
        ("RETRY_MAX_ATTEMPTS", "2"),
        ("RETRY_BASE_DELAY", "0.05"),
        ("ATTEMPT_TIMEOUT", "1"),
        ("CONNECT_TIMEOUT", "0.5"),
        ("BREAKER_TRIAL_LEASE", "1"),
    ];
    let lab = Lab::start(&[], &settings);
    lab.set_faults(r#"{"sequence": ["hang"], "repeat": true}"#);
    for (url, status, most) in [
        (None, 504, 2.5),
        (Some(format!("http://127.0.0.1:{}", free_port())), 502, 1.0),
        (Some("http://does-not-exist.invalid:5000".to_owned()), 502, 2.0),
    ] {
        let other = url.map(|url| {
            start("client-service", &[&settings[..], &[("BACKEND_URL", &url)]].concat())
        });
        let address = other.as_ref().unwrap_or(&lab.client).address();
        let get = move |path| ask(address, format!("GET {path}"));
        let calls: Vec<_> = (0..20).map(|_| std::thread::spawn(move || get(CALL))).collect();
        for _ in 0..20 {
            let health = get("/health");
            assert_eq!(health.status, 200);
            assert!(health.took < Duration::from_millis(500), "a worker is held");
        }
        for call in calls {
            let answer = call.join().unwrap();
            // Those who came when the circuit was open already were refused.
            assert!([status, 503].contains(&answer.status), "{} {}", answer.status, answer.body);
            assert!(answer.took.as_secs_f64() < most, "{status} took {:?}", answer.took);
        }
    }
}

#[test]
fn a_caller_that_leaves_during_a_wait_frees_its_place() {
    let lab = Lab::start(&[], &[("RETRY_BASE_DELAY", "10")]);
    lab.set_faults(r#"{"failure_rate": 1, "slow_response_rate": 0}"#);
    let mut leaving = lab.client.connect();
    leaving.send(format!("GET {CALL}"));
    until("a call that waits", Duration::from_secs(5), || lab.stat("calls_waiting") == 1);
    drop(leaving);
    until("no call", Duration::from_secs(2), || lab.stat("calls_in_flight") == 0);
    assert_eq!((lab.stat("calls_waiting"), lab.stat("abandoned_requests")), (0, 1));
    let data_requests = lab.backend.get("/api/metrics").body["failed_responses"].clone();
    assert_eq!(data_requests, 1, "no further attempt");
}

#[test]
fn sigterm_finishes_calls_in_flight_and_waiting_calls() {
    let mut lab = Lab::start(&[], &[("RETRY_BASE_DELAY", "1")]);
    lab.set_faults(r#"{"sequence": ["fail", "ok"]}"#);
    let address = lab.client.address();
    let waiting = std::thread::spawn(move || ask(address, format!("GET {CALL}")));
    until("a call that waits", Duration::from_secs(5), || lab.stat("calls_waiting") == 1);
    let status = lab.client.terminate();
    let answer = waiting.join().unwrap();
    assert_eq!((answer.status, &answer.body["attempts"]), (200, &2.into()));
    assert!(status.success(), "{status}");
    let log = lab.client.log();
    assert!(log.contains("finishing what is in flight") && log.contains("stopped"), "{log}");
}

#[test]
fn an_invalid_setting_stops_the_start_with_code_2_and_one_line_that_names_it() {
    let both = [
        ("HOST", "localhost"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("RUST_LOG", "info,client=loud"),
        ("LOG_FORMAT", "xml"),
        ("ADMIN_TOKEN", ""),
        ("SHUTDOWN_TIMEOUT", "-1"),
    ];
    let backend = [
        ("FAILURE_RATE", "1.5"),
        ("SLOW_RESPONSE_RATE", "0.8"),
        ("SLOW_RESPONSE_DELAY", "5s"),
        ("TRANSIENT_FAILURE_RATE", "NaN"),
        ("TRANSIENT_RETRY_AFTER", "soon"),
        ("FAULT_SEED", "-1"),
    ];
    let client = [
        ("BACKEND_URL", "ftp://backend"),
        ("BREAKER_FAIL_MAX", "0"),
        ("BREAKER_RESET_TIMEOUT", "0"),
        ("BREAKER_HALF_OPEN_MAX_CALLS", "0"),
        ("BREAKER_SUCCESS_THRESHOLD", "0"),
        ("BREAKER_SCOPE", "never"),
        ("BREAKER_TRIAL_LEASE", "1"),
        ("RETRY_MAX_ATTEMPTS", "0"),
        ("RETRY_BASE_DELAY", "11"),
        ("RETRY_MULTIPLIER", "0"),
        ("RETRY_MAX_DELAY", "0.5"),
        ("RETRY_JITTER", "2"),
        ("ATTEMPT_TIMEOUT", "31"),
        ("CONNECT_TIMEOUT", "4"),
        ("CONNECT_RETRIES", "-1"),
        ("CALL_DEADLINE", "1"),
        ("MAX_CALLS", "0"),
        ("MAX_RESPONSE_BYTES", "0"),
    ];
    for (service, own) in [("backend-service", &backend[..]), ("client-service", &client[..])] {
        for (variable, value) in both.iter().chain(own) {
            let output = run_to_end(command(binary(service), &[(variable, value)]));
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{service} {variable}={value}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(error.contains(variable) && error.contains("expected"), "{error}");
        }
    }
}

#[test]
fn settings_are_printed_at_the_start_without_the_token() {
    let lab = Lab::start(&[("ADMIN_TOKEN", "hunter2")], &[("ADMIN_TOKEN", "hunter2")]);
    assert_eq!(lab.post("/api/circuit-breaker/reset", "").status, 401);
    for (process, setting) in
        [(&lab.client, "BREAKER_FAIL_MAX=5"), (&lab.backend, "FAILURE_RATE=0.3")]
    {
        for told in ["ADMIN_TOKEN=(set)", setting] {
            until(told, PATIENCE, || process.log().contains(told));
        }
        let log = process.log();
        assert!(!log.contains("hunter2"), "{log}");
    }
}

#[test]
fn a_port_in_use_stops_the_start_with_one_line() {
    let lab = Lab::start(&[], &[]);
    let port = lab.client.address().port().to_string();
    let output = run_to_end(command(binary("client-service"), &[("PORT", &port)]));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{error}");
}

#[test]
fn every_endpoint_survives_ten_megabytes_and_a_wrong_method() {
    let calm =
        [("FAILURE_RATE", "0"), ("SLOW_RESPONSE_RATE", "0"), ("TRANSIENT_FAILURE_RATE", "0")];
    let lab = Lab::start(&calm, &[]);
    let large = "x".repeat(10_000_000);
    for path in [
        "/health",
        "/ready",
        "/api/call-backend",
        "/api/call-backend-without-resilience",
        "/api/test-retry",
        "/api/stats",
        "/api/stress-test",
        "/api/circuit-breaker/reset",
        "/nowhere",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "BREW"] {
            let answer = lab.ask(Request::new(format!("{method} {path}")).body(&*large));
            assert!(answer.status >= 200 && answer.body.is_object(), "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(lab.get("/health").status, 200);
    assert_eq!(lab.post("/api/stress-test", "{").status, 400);
}
