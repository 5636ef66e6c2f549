//! `RETRY_BACKOFF` and `RETRY_JITTER_MODE`: the waits between attempts.

use resilience_testing::server::{Server, http};
use serde_json::json;

use crate::support::{config, lab};

/// A backend that answers each request with this head.
fn failing(status: &'static str, headers: &'static str) -> Server {
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            peer.say(http(status, headers, "{}"));
        }
    })
}

/// The waits of one call, in seconds.
async fn waits(backend: &Server, variables: &[(&str, &str)]) -> Vec<f64> {
    let four = [("RETRY_MAX_ATTEMPTS", "4"), ("RETRY_MAX_DELAY", "10")];
    let lab = lab(config(&backend.url(), &[variables, &four].concat())).await;
    let body = lab.get("/api/test-retry").await.body;
    let attempts = body["attempt_log"].as_array().unwrap().iter();
    attempts.filter_map(|attempt| attempt["wait_seconds"].as_f64()).collect()
}

/// Waits for a timer take up to this longer on a busy machine.
const LATE: f64 = 0.2;

#[actix_web::test]
async fn linear_and_constant_waits_are_those_of_the_settings() {
    let backend = failing("500 Oops", "");
    for (backoff, expected) in [("linear", [0.05, 0.1, 0.15]), ("constant", [0.05; 3])] {
        let variables =
            [("RETRY_BACKOFF", backoff), ("RETRY_BASE_DELAY", "0.05"), ("RETRY_JITTER", "0")];
        let waits = waits(&backend, &variables).await;
        assert_eq!(waits.len(), 3);
        for (wait, expected) in waits.iter().zip(expected) {
            assert!((expected..expected + LATE).contains(wait), "{backoff}: {waits:?}");
        }
    }
}

#[actix_web::test]
async fn no_mode_of_jitter_waits_for_less_than_retry_after() {
    let backend = failing("429 Slow Down", "Retry-After: 1\r\n");
    for mode in ["proportional", "full", "decorrelated"] {
        let variables = [
            ("RETRY_JITTER_MODE", mode),
            ("RETRY_BASE_DELAY", "0.001"),
            // A third attempt would end after it.
            ("CALL_DEADLINE", "1.9"),
        ];
        let waits = waits(&backend, &variables).await;
        assert_eq!(waits.len(), 1, "{mode}: {waits:?}");
        assert!((1.0..1.1 + LATE).contains(&waits[0]), "{mode}: {waits:?}");
    }
}

#[actix_web::test]
async fn the_statistics_show_backoff_and_jitter() {
    let lab = lab(config("http://127.0.0.1:9", &[("RETRY_JITTER_MODE", "full")])).await;
    let retry = lab.get("/api/stats").await.body["retry"].clone();
    assert_eq!((&retry["backoff"], &retry["jitter_mode"]), (&json!("exponential"), &json!("full")));
    assert_eq!((&retry["multiplier"], &retry["jitter"]), (&json!(2.0), &json!(0.1)));
}
