//! The endpoints: their keys, statuses and headers to the letter, and what they say to bad input.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime},
};

use actix_web::test::TestRequest;
use resilience_actors::State;
use resilience_testing::{
    PATIENCE,
    server::{Peer, Server, http, ok},
    until_async,
};
use serde_json::{Value, json};
use support::{config, lab, settle_io};

const CALL: &str = "/api/call-backend";
const BASELINE: &str = "/api/call-backend-without-resilience";
const STRESS: &str = "/api/stress-test";
const RESET: &str = "/api/circuit-breaker/reset";

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[actix_web::test]
async fn health_is_200_in_every_circuit_state_and_shows_it() {
    let lab = lab(config("http://127.0.0.1:1", &[("BREAKER_FAIL_MAX", "1")])).await;
    let healthy = json!({
        "status": "healthy", "service": "client-service", "circuit_breaker_state": "closed",
        "mode": "auto"
    });
    assert_eq!(lab.get("/health").await.body, healthy);
    lab.get(CALL).await;
    let answer = lab.get("/health").await;
    assert_eq!((answer.status, &answer.body["circuit_breaker_state"]), (200, &"open".into()));
    assert_eq!(lab.get("/ready").await.status, 200);
    lab.drain.begin();
    lab.get("/ready").await.assert_error(503, "Service Unavailable", "ending");
    assert_eq!(lab.get("/health").await.status, 200);
}

#[actix_web::test]
async fn a_successful_call_has_the_unchanged_body_of_the_backend() {
    let upstream = Server::answering(ok("{\"z\": 1.50, \"a\": [1e2, \"\\u00e9\"]}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.get(CALL).await;
    assert_eq!(answer.status, 200);
    let expected = [
        "attempts",
        "backend_response",
        "circuit_breaker_state",
        "client_request_id",
        "elapsed_time_seconds",
    ];
    assert_eq!(keys(&answer.body), expected);
    assert_eq!(answer.body["backend_response"], json!({"z": 1.5, "a": [100.0, "é"]}));
    assert_eq!(answer.body["circuit_breaker_state"], "closed");
    assert!(answer.body["elapsed_time_seconds"].as_f64().unwrap() > 0.0);
    let next = lab.get(CALL).await.body["client_request_id"].as_u64().unwrap();
    assert!(next > answer.body["client_request_id"].as_u64().unwrap());
}

#[actix_web::test]
async fn the_baseline_mirrors_the_backend_and_makes_one_attempt() {
    let upstream = Server::answering(http("500 Oops", "", "{\"error\": \"x\"}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.get(BASELINE).await;
    assert_eq!(answer.status, 500);
    let expected = ["backend_response", "elapsed_time_seconds", "message", "status_code"];
    assert_eq!(keys(&answer.body), expected);
    assert_eq!(answer.body["status_code"], 500);
    assert_eq!(answer.body["backend_response"], json!({"error": "x"}));
    assert_eq!((upstream.requests(), lab.breaker().await.fail_counter), (1, 0));
}

#[actix_web::test]
async fn test_retry_lists_each_attempt() {
    let throttled = http("429 Too Many Requests", "retry-after: 0\r\n", "{\"error\": \"slow\"}");
    let upstream = Server::start(move |mut peer| {
        for answer in [&throttled, &ok("{\"status\": \"success\"}")] {
            peer.request();
            peer.say(answer);
        }
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.get("/api/test-retry").await;
    assert_eq!((answer.status, answer.number("attempts")), (200, 2));
    assert_eq!(answer.body["test_type"], "retry_mechanism");
    let log = answer.body["attempt_log"].as_array().unwrap();
    let expected = ["attempt", "elapsed_seconds", "outcome", "status_code", "wait_seconds"];
    assert!(log.iter().all(|entry| keys(entry) == expected));
    assert_eq!((&log[0]["status_code"], &log[0]["outcome"]), (&429.into(), &"throttled".into()));
    assert!(log[0]["wait_seconds"].as_f64().unwrap() >= 0.01);
    assert_eq!((&log[1]["status_code"], &log[1]["wait_seconds"]), (&200.into(), &Value::Null));
    assert_eq!(lab.get("/api/stats").await.body["statistics"]["retry_attempts"], 1);
}

#[actix_web::test]
async fn the_backends_own_retry_after_reaches_the_caller() {
    let throttled = http("429 Too Many Requests", "retry-after: 60\r\n", "{}");
    let upstream = Server::answering(throttled);
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.get(CALL).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("60")));
    assert_eq!(
        answer.number("attempts"),
        1,
        "a wait of 60 s does not fit before the deadline of 10 s"
    );
}

#[actix_web::test]
async fn a_date_in_retry_after_is_measured_against_the_date_of_its_answer() {
    // By this machine's clock both dates are long past.
    let headers = "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
                   retry-after: Thu, 01 Jan 1970 00:01:00 GMT\r\n";
    let upstream = Server::answering(http("429 Too Many Requests", headers, "{}"));
    let lab = lab(config(&upstream.url(), &[("RETRY_MAX_ATTEMPTS", "4")])).await;
    let answer = lab.get("/api/call-backend").await;
    let asked = answer.header("retry-after");
    assert_eq!(asked, Some("60"), "the caller's clock may be another");
    assert_eq!(answer.number("attempts"), 1, "a minute does not fit before the deadline");

    // In the other direction: by this machine's clock the wait is of hours, by the answer's none.
    let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3 * 3600));
    let headers = format!("date: {later}\r\nretry-after: {later}\r\n");
    let throttled = http("429 Too Many Requests", &headers, "{}");
    let upstream = Server::answering(throttled);
    let lab = self::lab(config(&upstream.url(), &[])).await;
    assert_eq!(lab.get("/api/call-backend").await.number("attempts"), 2);
}

#[actix_web::test]
async fn requests_to_the_backend_have_a_user_agent() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    for path in ["/api/call-backend", "/api/call-backend-without-resilience", "/api/test-retry"] {
        lab.get(path).await;
    }
    lab.get("/api/backend/faults").await;
    let put = TestRequest::put().uri("/api/backend/faults").set_payload("{}");
    lab.send(put).await;
    let seen: Vec<_> = upstream.heads().iter().map(|head| head.to_lowercase()).collect();
    let product = concat!("user-agent: client-service/", env!("CARGO_PKG_VERSION"), "\r\n");
    assert!(seen.len() >= 5 && seen.iter().all(|head| head.contains(product)), "{seen:?}");
}

#[actix_web::test]
async fn an_open_circuit_answers_503_with_a_fallback_and_retry_after() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let lab = lab(config(&upstream.url(), &[("BREAKER_FAIL_MAX", "1")])).await;
    let opening = lab.get(CALL).await;
    assert_eq!((opening.status, &opening.body["circuit_breaker_state"]), (500, &"open".into()));
    let touched = upstream.requests();
    let answer = lab.get(CALL).await;
    assert_eq!((answer.status, answer.number("attempts")), (503, 0));
    let body = &answer.body["backend_response"];
    assert_eq!((&body["error"], &body["fallback"]), (&"Service Unavailable".into(), &true.into()));
    assert!(body["message"].as_str().unwrap().starts_with("circuit breaker is open"), "{body}");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((59..=67).contains(&wait), "{wait}");
    assert_eq!(upstream.requests(), touched);

    let reset = lab.post(RESET, "").await;
    assert_eq!((reset.status, &reset.body["state"]), (200, &"closed".into()));
    assert_eq!(keys(&reset.body), ["message", "state"]);
    assert_eq!(lab.get(CALL).await.status, 500);
}

#[actix_web::test]
async fn the_stress_test_opens_the_breaker_on_the_fifth_failure() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.post(STRESS, r#"{"num_requests": 20}"#).await;
    assert_eq!(answer.status, 200);
    let expected = [
        "failure_rate",
        "final_circuit_breaker_state",
        "results",
        "summary",
        "test_type",
        "total_requests",
    ];
    assert_eq!(keys(&answer.body), expected);
    let results = answer.body["results"].as_array().unwrap();
    let expected = ["circuit_breaker_state", "elapsed_time_seconds", "request_num", "status_code"];
    assert!(results.iter().all(|result| keys(result) == expected));
    let statuses: Vec<_> = results.iter().map(|r| r["status_code"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [vec![500; 5], vec![503; 15]].concat());
    assert_eq!(results[3]["circuit_breaker_state"], "closed");
    assert_eq!(results[4]["circuit_breaker_state"], "open");
    let summary = &answer.body["summary"];
    assert_eq!(summary["by_status"], json!({"500": 5, "503": 15}));
    assert_eq!(keys(&summary["latency_seconds"]), ["max", "p50", "p90", "p99"]);
    assert_eq!(answer.body["final_circuit_breaker_state"], "open");
    assert_eq!((answer.body["total_requests"].as_u64(), upstream.requests()), (Some(20), 5));

    let stats = lab.get("/api/stats").await.body;
    let statistics = &stats["statistics"];
    for (key, expected) in [
        ("total_requests", 20),
        ("successful_requests", 0),
        ("failed_requests", 5),
        ("rejected_requests", 15),
        ("abandoned_requests", 0),
        ("retry_attempts", 0),
        ("circuit_breaker_open_count", 1),
        ("calls_in_flight", 0),
    ] {
        assert_eq!(statistics[key], expected, "{key}");
    }
    let breaker = &stats["circuit_breaker"];
    assert_eq!((&breaker["state"], &breaker["fail_counter"]), (&"open".into(), &5.into()));
    assert_eq!((&breaker["fail_max"], &breaker["reset_timeout"]), (&5.into(), &60.0.into()));
}

#[actix_web::test]
async fn a_stress_test_without_a_body_makes_ten_requests() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.post(STRESS, "").await;
    assert_eq!((&answer.body["total_requests"], upstream.requests()), (&10.into(), 10));
    assert_eq!(answer.body["failure_rate"], 1.0);
}

#[actix_web::test]
async fn each_endpoint_sends_its_documented_request_to_the_backend() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let lab = lab(config(&upstream.url(), &[("RETRY_MAX_ATTEMPTS", "1")])).await;
    lab.get(CALL).await;
    lab.get(BASELINE).await;
    lab.get("/api/test-retry").await;
    lab.post(STRESS, r#"{"num_requests": 1, "failure_rate": 0.25}"#).await;
    lab.post(STRESS, r#"{"num_requests": 1, "failure_rate": null}"#).await;
    let heads = upstream.heads();
    let asked: Vec<_> = heads
        .iter()
        .map(|head| {
            let rate = head.lines().find_map(|line| line.strip_prefix("x-failure-rate: "));
            (head.lines().next().unwrap(), rate)
        })
        .collect();
    let data = "GET /api/data HTTP/1.1";
    let transient = "GET /api/transient-failure HTTP/1.1";
    let expected =
        [(data, None), (data, None), (transient, None), (data, Some("0.25")), (data, None)];
    assert_eq!(asked, expected);
    let host = format!("host: {}", upstream.address());
    assert!(heads.iter().all(|head| head.lines().any(|line| line == host)), "{heads:?}");
}

#[actix_web::test]
async fn a_stress_test_retries_only_if_the_request_says_so() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    lab.post(STRESS, r#"{"num_requests": 2}"#).await;
    assert_eq!(upstream.requests(), 2);
    lab.post(STRESS, r#"{"num_requests": 2, "retry": true}"#).await;
    assert_eq!(upstream.requests(), 2 + 4);
}

#[actix_web::test]
async fn a_stress_test_obeys_its_concurrency_and_ends_when_its_caller_leaves() {
    let upstream = Server::start(Peer::hold);
    let settings = [("ATTEMPT_TIMEOUT", "3"), ("BREAKER_TRIAL_LEASE", "3")];
    let lab = lab(config(&upstream.url(), &settings)).await;
    let leaving = async {
        until_async("three requests", PATIENCE, async || upstream.connections() == 3).await;
        // The fourth would come at once, if it came.
        settle_io().await;
    };
    tokio::select! {
        answer = lab.post(STRESS, r#"{"num_requests": 100, "concurrency": 3}"#) => {
            panic!("{answer:?}")
        }
        () = leaving => {}
    }
    settle_io().await;
    let statistics = &lab.get("/api/stats").await.body["statistics"];
    assert_eq!((upstream.connections(), &statistics["abandoned_requests"]), (3, &3.into()));
    assert_eq!(statistics["total_requests"], 3);
}

#[actix_web::test]
async fn requests_of_a_stress_test_start_one_interval_apart_even_after_a_slow_one() {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let upstream = Server::start({
        let begun = begun.clone();
        move |mut peer| {
            while peer.request().is_some() {
                let is_first = begun.lock().unwrap().is_empty();
                begun.lock().unwrap().push(Instant::now());
                if is_first {
                    thread::sleep(Duration::from_millis(700));
                }
                peer.say(ok("{}"));
            }
        }
    });
    let settings = [("ATTEMPT_TIMEOUT", "5"), ("BREAKER_TRIAL_LEASE", "5")];
    let lab = lab(config(&upstream.url(), &settings)).await;
    lab.post(STRESS, r#"{"num_requests": 4, "interval_seconds": 0.2}"#).await;
    let begun = begun.lock().unwrap();
    let gaps: Vec<_> = begun.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    // A request takes a moment to reach the backend, and not always the same.
    assert!(gaps[0] >= 700 && gaps[1] >= 100 && gaps[2] >= 100, "{gaps:?}");
}

#[actix_web::test]
async fn a_stress_test_ends_at_the_shutdown_of_the_service() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    let body = r#"{"num_requests": 10000, "interval_seconds": 10}"#;
    let ending = async {
        until_async("the first request", PATIENCE, async || upstream.requests() == 1).await;
        lab.drain.begin();
    };
    let (answer, ()) = futures::join!(lab.post(STRESS, body), ending);
    assert_eq!(
        (&answer.body["total_requests"], &answer.body["summary"]["ended_early"]),
        (&1.into(), &true.into())
    );
}

#[actix_web::test]
async fn calls_over_the_limit_are_refused_with_503_and_retry_after_1() {
    let upstream = Server::start(Peer::hold);
    let lab =
        lab(config(&upstream.url(), &[("MAX_CALLS", "2"), ("RETRY_MAX_ATTEMPTS", "1")])).await;
    let third = async {
        until_async("two calls in flight", PATIENCE, async || upstream.connections() == 2).await;
        (lab.get(CALL).await, lab.get(BASELINE).await, lab.get("/api/stats").await)
    };
    let (_, _, (call, baseline, stats)) = futures::join!(lab.get(CALL), lab.get(BASELINE), third);
    assert_eq!((call.status, call.header("retry-after")), (503, Some("1")));
    assert_eq!(call.body["backend_response"]["fallback"], true);
    assert_eq!(call.body["circuit_breaker_state"], "closed");
    baseline.assert_error(503, "Service Unavailable", "too many calls in flight");
    assert_eq!(baseline.header("retry-after"), Some("1"));
    assert_eq!(stats.body["statistics"]["calls_in_flight"], 2);
    assert_eq!(stats.body["statistics"]["rejected_requests"], 1);
    assert_eq!(lab.breaker().await.fail_counter, 1, "only the call that timed out counts");
}

#[actix_web::test]
async fn a_trial_answers_with_its_own_outcome_and_the_resulting_state() {
    let upstream = Server::answering(ok("{}"));
    let settings = [("BREAKER_FAIL_MAX", "1"), ("BREAKER_RESET_TIMEOUT", "0.05")];
    let lab = lab(config(&upstream.url(), &settings)).await;
    lab.breaker.admit().await.unwrap().failure("status 500").await;
    assert_eq!(lab.breaker.state(), State::Open);
    until_async("half-open by itself", PATIENCE, async || lab.breaker.state() == State::HalfOpen)
        .await;
    assert_eq!(lab.get("/health").await.body["circuit_breaker_state"], "half-open");
    let answer = lab.get(CALL).await;
    assert_eq!((answer.status, &answer.body["circuit_breaker_state"]), (200, &"closed".into()));
}

#[actix_web::test]
async fn unknown_paths_and_wrong_methods_are_refused_with_a_body() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    for path in ["/api", "/api/call-backend/", "/health/x", "/%00", "/api/call-backend%2f"] {
        lab.get(path).await.assert_error(404, "Not Found", "nothing at");
    }
    for path in ["/health", "/ready", CALL, BASELINE, "/api/test-retry", "/api/stats"] {
        let answer = lab.post(path, "{}").await;
        answer.assert_error(405, "Method Not Allowed", "does not take POST");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
    for path in [STRESS, RESET] {
        let answer = lab.get(path).await;
        answer.assert_error(405, "Method Not Allowed", "does not take GET");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    }
    assert_eq!(lab.breaker().await.fail_counter, 0);
}

#[actix_web::test]
async fn invalid_stress_tests_are_refused_with_a_reason() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    for (body, says) in [
        ("{", "not valid"),
        ("[]", "must be a JSON object"),
        ("null", "expected an object"),
        ("20", "expected an object"),
        ("\u{0}", "not valid"),
        (r#"{"num_requests": 20} trailing"#, "trailing"),
        (r#"{"num_requests": "20"}"#, "invalid type: string"),
        (r#"{"num_requests": 1.5}"#, "floating point"),
        (r#"{"num_requests": -1}"#, "-1"),
        (r#"{"num_requests": 99999999999}"#, "99999999999"),
        (r#"{"num_requests": 0}"#, "num_requests = 0 is not valid"),
        (r#"{"num_requests": 10001}"#, "from 1 to 10000"),
        (r#"{"concurrency": 257}"#, "from 1 to 256"),
        (r#"{"failure_rate": 1.1}"#, "from 0 to 1"),
        (r#"{"failure_rate": 1e999}"#, "number out of range"),
        (r#"{"interval_seconds": -0.1}"#, "from 0 to 10"),
        (r#"{"numrequests": 20}"#, "unknown field `numrequests`"),
    ] {
        lab.post(STRESS, body).await.assert_error(400, "Bad Request", says);
    }
    assert_eq!(upstream.requests(), 0);
}

#[actix_web::test]
async fn ten_megabytes_are_refused_where_a_body_is_read_and_ignored_where_none_is() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    let large = "x".repeat(10_000_000);
    lab.post(STRESS, &large).await.assert_error(413, "Payload Too Large", "over 65536 bytes");
    assert_eq!(lab.post(RESET, &large).await.status, 200);
    for path in ["/health", CALL, BASELINE, "/api/test-retry", "/api/stats"] {
        let request = TestRequest::get().uri(path).set_payload(large.clone());
        assert_eq!(lab.send(request).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn every_changing_endpoint_needs_the_admin_token_if_one_is_set() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("ADMIN_TOKEN", "s3cret")])).await;
    for path in [STRESS, RESET] {
        for authorization in [None, Some("Bearer wrong"), Some("Basic s3cret"), Some("s3cret")] {
            let mut request = TestRequest::post().uri(path);
            if let Some(value) = authorization {
                request = request.insert_header(("authorization", value));
            }
            let answer = lab.send(request).await;
            answer.assert_error(401, "Unauthorized", "admin token");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        let right = TestRequest::post().uri(path).insert_header(("authorization", "Bearer s3cret"));
        assert_eq!(lab.send(right).await.status, 200);
    }
    assert_eq!(lab.get(CALL).await.status, 200, "reading needs none");
}
