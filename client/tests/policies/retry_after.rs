//! `RETRY_AFTER_SCOPE=upstream`: all calls stay away while the backend asks one of them to wait.

use resilience_testing::{
    PATIENCE,
    server::{Server, http},
    until_async,
};
use serde_json::Value;

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";
const OF_ALL: (&str, &str) = ("RETRY_AFTER_SCOPE", "upstream");
const ONE_ATTEMPT: (&str, &str) = ("RETRY_MAX_ATTEMPTS", "1");

/// A backend that answers each request so, and asks to wait.
fn asks_to_wait(status: &str, seconds: &str) -> Server {
    Server::answering(http(status, &format!("retry-after: {seconds}\r\n"), "{}"))
}

#[actix_web::test]
async fn after_one_answer_calls_of_all_endpoints_are_rejected_without_a_request() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let backend = asks_to_wait(status, "60");
        let lab = lab(config(&backend.url(), &[OF_ALL, ONE_ATTEMPT])).await;
        assert_eq!(lab.get(CALL).await.status.to_string(), status[..3]);
        for path in [CALL, "/api/test-retry"] {
            let rejected = lab.get(path).await;
            assert_eq!(rejected.status, 503);
            let retry_after: u64 = rejected.header("retry-after").unwrap().parse().unwrap();
            // Up to a tenth longer than asked for, and the spread of rejections on top.
            assert!((60..=73).contains(&retry_after), "{retry_after}");
            let message = rejected.body["backend_response"]["message"].as_str().unwrap();
            let said = "the upstream has asked for no calls until later; try again in ";
            assert!(message.starts_with(said), "{message}");
        }
        assert_eq!(backend.requests(), 1);

        let quiet = lab.get("/api/stats").await.body["policies"]["quiet_period"].clone();
        assert_eq!((&quiet["periods"], &quiet["max_seconds"]), (&1.into(), &300.0.into()));
        assert!((59.0..=66.0).contains(&quiet["left_seconds"].as_f64().unwrap()), "{quiet}");
        let counts = lab.get("/api/circuit-breaker").await.body["counts"].clone();
        assert_eq!(counts["not_permitted"]["quiet_period"], 2);
        let metrics = lab.text("/metrics").await;
        assert_lines(
            &metrics,
            &[
                r#"client_quiet_periods_total{name="backend"} 1"#,
                r#"client_quiet_period_rejections_total{name="backend"} 2"#,
            ],
        );
        assert!(metrics.contains(r#"client_quiet_period_seconds{name="backend"} "#), "{metrics}");

        lab.get("/api/call-backend-without-resilience").await;
        assert_eq!(backend.requests(), 2, "the baseline has no policies");
    }
}

#[actix_web::test]
async fn by_default_only_the_call_that_was_told_stays_away() {
    let backend = asks_to_wait("503 Service Unavailable", "60");
    let lab = lab(config(&backend.url(), &[ONE_ATTEMPT])).await;
    for _ in 0..3 {
        assert_eq!(lab.get(CALL).await.body["backend_response"].get("fallback"), None::<&Value>);
    }
    assert_eq!(backend.requests(), 3);
}

#[actix_web::test]
async fn a_hostile_time_is_bounded() {
    let backend = asks_to_wait("429 Too Many Requests", "999999");
    let bounded = [OF_ALL, ONE_ATTEMPT, ("RETRY_AFTER_MAX", "0.2")];
    let lab = lab(config(&backend.url(), &bounded)).await;
    assert_eq!(lab.get(CALL).await.status, 429);
    assert_eq!(lab.get(CALL).await.status, 503);
    let called_again = async || lab.get(CALL).await.status == 429;
    until_async("the backend is called again", PATIENCE, called_again).await;
}

#[actix_web::test]
async fn rejections_are_in_the_event_log_by_their_kind() {
    let backend = asks_to_wait("429 Too Many Requests", "60");
    let lab = lab(config(&backend.url(), &[OF_ALL, ONE_ATTEMPT])).await;
    for _ in 0..3 {
        lab.get(CALL).await;
    }
    let told = async || {
        let history = lab.get("/api/events/history?type=rejection-burst").await.body;
        let events = history["events"].as_array().unwrap();
        events.iter().any(|event| event["rejection"] == "quiet-period" && event["count"] == 2)
    };
    until_async("the burst is told", PATIENCE, told).await;
}
