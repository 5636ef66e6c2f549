//! `RATE_*`: requests to the backend in a period.

use futures::future::join_all;
use resilience_testing::server::{Server, ok};
use serde_json::json;

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";

#[actix_web::test]
async fn calls_past_the_rate_are_rejected_with_a_503_and_the_time_to_come_back() {
    let backend = Server::answering(ok("{}"));
    let limited = [("RATE_LIMIT", "60/m"), ("RATE_BURST", "2")];
    let lab = lab(config(&backend.url(), &limited)).await;
    let answers = join_all((0..3).map(|_| lab.get(CALL))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 503]);
    let rejected = &answers[2].body["backend_response"];
    assert_eq!(rejected["fallback"], true);
    let message = rejected["message"].as_str().unwrap();
    let expected = "too many attempts at the upstream in this period; try again in ";
    assert!(message.starts_with(expected), "{message}");
    // A second, and up to a second of spread.
    assert!(["1", "2"].contains(&answers[2].header("retry-after").unwrap()), "{answers:?}");
    assert_eq!(backend.requests(), 2);

    let counts = lab.get("/api/circuit-breaker").await.body["counts"].clone();
    assert_eq!(counts["not_permitted"]["rate_limit"], 1);
    let expected =
        json!({ "limit": 60, "period_seconds": 60.0, "burst": 2, "available": 0, "waiting": 0 });
    assert_eq!(lab.get("/api/stats").await.body["policies"], json!({ "rate": expected }));
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"resilience4j_ratelimiter_available_permissions{name="backend"} 0"#,
            r#"resilience4j_ratelimiter_waiting_threads{name="backend"} 0"#,
        ],
    );
}

#[actix_web::test]
async fn calls_that_may_wait_for_their_turn_are_answered() {
    let backend = Server::answering(ok("{}"));
    let limited = [("RATE_LIMIT", "50/s"), ("RATE_BURST", "1"), ("RATE_WAIT", "5")];
    let lab = lab(config(&backend.url(), &limited)).await;
    let began = std::time::Instant::now();
    let answers = join_all((0..6).map(|_| lab.get(CALL))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert!(began.elapsed().as_millis() >= 100, "the sixth is due after five intervals of 20 ms");
}
