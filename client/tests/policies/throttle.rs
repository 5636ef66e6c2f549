//! `THROTTLE`: fewer requests to a backend that refuses many.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix_web::test::TestRequest;
use resilience_testing::server::{Server, http, ok};

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";

#[actix_web::test]
async fn a_backend_that_refuses_all_is_spared_most_calls() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let backend = Server::answering(http(status, "", r#"{"error":"busy"}"#));
        let settings =
            [("THROTTLE", "on"), ("RETRY_MAX_ATTEMPTS", "1"), ("BREAKER_FAIL_MAX", "1000")];
        let lab = lab(config(&backend.url(), &settings)).await;
        let mut throttled = 0;
        for _ in 0..100 {
            let answer = lab.get(CALL).await;
            let body = &answer.body["backend_response"];
            if body["fallback"] != true {
                continue;
            }
            throttled += 1;
            assert_eq!(answer.status, 503);
            let message = body["message"].as_str().unwrap();
            assert!(message.starts_with("the upstream refuses many requests; try"), "{message}");
            assert!(["1", "2"].contains(&answer.header("retry-after").unwrap()), "{answer:?}");
        }
        // After n refusals, one call of n + 1 is made: about 14 of 100.
        assert!((70..100).contains(&throttled), "{throttled}");
        assert_eq!(backend.requests() as u64, 100 - throttled);

        let counts = lab.get("/api/circuit-breaker").await.body["counts"].clone();
        assert_eq!(counts["not_permitted"]["throttle"], throttled);
        let state = lab.get("/api/stats").await.body["policies"]["throttle"].clone();
        assert_eq!((&state["requests"], &state["accepts"]), (&100.into(), &0.into()));
        assert_eq!(state["rejected"], throttled);
        let probability = state["probability"].as_f64().unwrap();
        assert!((probability - 100.0 / 101.0).abs() < 1e-9, "{probability}");
        let metrics = lab.text("/metrics").await;
        assert_lines(
            &metrics,
            &[
                r#"client_throttle_requests{name="backend"} 100"#.to_owned(),
                r#"client_throttle_accepts{name="backend"} 0"#.to_owned(),
                format!(r#"client_throttle_rejections_total{{name="backend"}} {throttled}"#),
            ],
        );
        assert!(metrics.contains("client_throttle_probability{"), "{metrics}");
    }
}

#[actix_web::test]
async fn failures_that_are_no_refusals_throttle_nothing() {
    let backend = Server::answering(http("500 Internal Server Error", "", r#"{"error":"x"}"#));
    let settings = [("THROTTLE", "on"), ("RETRY_MAX_ATTEMPTS", "1"), ("BREAKER_FAIL_MAX", "1000")];
    let lab = lab(config(&backend.url(), &settings)).await;
    for _ in 0..50 {
        assert_eq!(lab.get(CALL).await.status, 500);
    }
    assert_eq!(backend.requests(), 50);
}

#[actix_web::test]
async fn a_backend_that_refuses_the_less_important_calls_gets_the_others() {
    let refuses = Arc::new(AtomicBool::new(true));
    let backend = Server::start({
        let refuses = Arc::clone(&refuses);
        move |mut peer| {
            while peer.request().is_some() {
                let refused = refuses.load(Ordering::Relaxed);
                peer.say(if refused { http("429 Too Many Requests", "", "{}") } else { ok("{}") });
            }
        }
    });
    let settings = [
        ("THROTTLE", "on"),
        ("PRIORITY_HEADER", "X-Important"),
        ("RETRY_MAX_ATTEMPTS", "1"),
        ("BREAKER_FAIL_MAX", "1000"),
    ];
    let lab = lab(config(&backend.url(), &settings)).await;
    let call = |level| lab.send(TestRequest::get().uri(CALL).insert_header(("X-Important", level)));
    for _ in 0..100 {
        call("1").await;
    }
    let made = backend.requests();
    assert!(made < 30, "{made}");
    refuses.store(false, Ordering::Relaxed);
    for level in ["2", "3"] {
        for _ in 0..20 {
            assert_eq!(call(level).await.status, 200);
        }
    }
    let state = lab.get("/api/stats").await.body["policies"]["throttle"].clone();
    let probabilities = [0.0, 100.0 / 101.0, 0.0, 0.0];
    for (level, expected) in probabilities.into_iter().enumerate() {
        let seen = state["probabilities"][level].as_f64().unwrap();
        assert!((seen - expected).abs() < 1e-9, "{state}");
    }
    assert_eq!((&state["requests"], &state["accepts"]), (&140.into(), &40.into()));
    assert_eq!(call("4").await.status, 400);
}
