//! `HEDGE_*`: a second request beside one that takes long.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::sleep,
    time::Duration,
};

use client_service::Config;
use resilience_testing::server::{Server, ok};
use serde_json::json;
use service_edge::Settings;

use crate::support::{assert_lines, config, lab};

/// A backend that answers its first request after 300 ms, and others at once.
fn slow_at_first() -> Server {
    let requests = AtomicUsize::new(0);
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            if requests.fetch_add(1, Ordering::SeqCst) == 0 {
                sleep(Duration::from_millis(300));
            }
            peer.say(ok("{}"));
        }
    })
}

#[actix_web::test]
async fn a_slow_answer_is_overtaken_by_a_second_request() {
    let backend = slow_at_first();
    let lab = lab(config(&backend.url(), &[("HEDGE_AFTER", "0.02")])).await;
    let answer = lab.get("/api/test-retry").await;
    assert_eq!(answer.status, 200);
    let attempts = answer.body["attempt_log"].as_array().unwrap();
    let fields =
        |at: usize| (&attempts[at]["attempt"], &attempts[at]["outcome"], &attempts[at]["hedge"]);
    assert_eq!(fields(0), (&json!(1), &json!("cancelled"), &json!(null)));
    assert_eq!(fields(1), (&json!(1), &json!("success"), &json!(true)));
    assert_eq!(backend.requests(), 2);

    let stats = lab.get("/api/stats").await.body;
    let expected = json!({ "made": 1, "won": 1, "delay_seconds": 0.02 });
    assert_eq!(stats["policies"], json!({ "hedge": expected }));
    assert_eq!(stats["statistics"]["retry_attempts"], 0, "a hedge is no retry");
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"client_hedges_total{name="backend"} 1"#,
            r#"client_hedges_won_total{name="backend"} 1"#,
            r#"client_hedge_delay_seconds{name="backend"} 0.02"#,
            r#"resilience4j_retry_calls_total{name="backend",kind="successful_without_retry"} 1"#,
        ],
    );
}

#[test]
fn a_delay_as_long_as_the_attempt_timeout_is_refused() {
    let mut settings = Settings::from_pairs(&[("HEDGE_AFTER", "2"), ("ATTEMPT_TIMEOUT", "2")]);
    let error = Config::read(&mut settings).unwrap_err().to_string();
    assert_eq!(error, "HEDGE_AFTER=\"2\" is not valid: expected less than ATTEMPT_TIMEOUT=2");
}
