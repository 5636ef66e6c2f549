//! `CONCURRENCY_*`: attempts in flight at the backend.

use std::{thread::sleep, time::Duration};

use client_service::Config;
use futures::future::join_all;
use resilience_testing::server::{Server, ok};
use serde_json::json;
use service_edge::Settings;

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";

/// A backend that answers after 100 ms.
fn slow() -> Server {
    Server::start(|mut peer| {
        while peer.request().is_some() {
            sleep(Duration::from_millis(100));
            peer.say(ok("{}"));
        }
    })
}

#[actix_web::test]
async fn calls_past_the_limit_and_the_queue_are_rejected_with_a_503() {
    let backend = slow();
    let limited = [("CONCURRENCY_MAX", "1"), ("CONCURRENCY_QUEUE", "1")];
    let lab = lab(config(&backend.url(), &limited)).await;
    let answers = join_all((0..3).map(|_| lab.get(CALL))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 503]);
    let rejected = &answers[2].body["backend_response"];
    assert_eq!(rejected["fallback"], true);
    let message = rejected["message"].as_str().unwrap();
    assert!(
        message.starts_with("too many attempts in flight at the upstream; try again in "),
        "{message}"
    );
    assert_eq!(backend.requests(), 2);

    let counts = lab.get("/api/circuit-breaker").await.body["counts"].clone();
    assert_eq!(counts["not_permitted"]["concurrency_limit"], 1);
    let expected = json!({ "max": 1, "in_flight": 0, "queued": 0, "max_queued": 1 });
    assert_eq!(lab.get("/api/stats").await.body["policies"], json!({ "concurrency": expected }));
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"resilience4j_bulkhead_max_allowed_concurrent_calls{name="backend"} 1"#,
            r#"resilience4j_bulkhead_available_concurrent_calls{name="backend"} 1"#,
            r#"client_concurrency_queued{name="backend"} 0"#,
        ],
    );
}

#[actix_web::test]
async fn an_adaptive_limit_follows_the_latency_of_the_backend() {
    let backend = slow();
    let adaptive = [
        ("CONCURRENCY_MAX", "auto"),
        ("CONCURRENCY_FLOOR", "1"),
        ("CONCURRENCY_CEILING", "50"),
        ("CONCURRENCY_QUEUE", "1000"),
        ("CONCURRENCY_WAIT", "9"),
    ];
    let lab = lab(config(&backend.url(), &adaptive)).await;
    let shown = async || lab.get("/api/stats").await.body["policies"]["concurrency"].clone();
    let first = shown().await;
    assert_eq!(first["max"], 20);
    let range = json!({ "floor": 1, "ceiling": 50, "baseline_seconds": null });
    assert_eq!(first["adaptive"], range);
    assert!(!lab.text("/metrics").await.contains("client_concurrency_baseline_seconds"));

    let answers = join_all((0..200).map(|_| lab.get(CALL))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let then = shown().await;
    let baseline = then["adaptive"]["baseline_seconds"].as_f64().unwrap();
    assert!(baseline >= 0.1, "{then}");
    let metrics = lab.text("/metrics").await;
    let line = format!("client_concurrency_baseline_seconds{{name=\"backend\"}} {baseline}");
    assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
}

#[actix_web::test]
async fn nothing_is_shown_of_a_policy_that_is_off() {
    let lab = lab(config("http://127.0.0.1:9", &[])).await;
    assert!(lab.get("/api/stats").await.body.get("policies").is_none());
    let metrics = lab.text("/metrics").await;
    for policy in [
        "bulkhead",
        "client_concurrency",
        "client_breaker_probes",
        "client_quiet",
        "ratelimiter",
        "throttle",
    ] {
        assert!(!metrics.contains(policy), "{metrics}");
    }
}

#[test]
fn a_wait_that_leaves_no_time_for_an_attempt_is_refused() {
    let queue = [("CONCURRENCY_MAX", "1"), ("CONCURRENCY_QUEUE", "1"), ("CONCURRENCY_WAIT", "28")];
    let error = Config::read(&mut Settings::from_pairs(&queue)).unwrap_err().to_string();
    let says = "CONCURRENCY_WAIT=\"28\" is not valid: expected no more, with the attempt timeout and other waits, than \
                CALL_DEADLINE=30";
    assert_eq!(error, says);
}
