//! `RETRY_BUDGET`: retries are a share of the calls.

use resilience_testing::server::{Server, http};
use serde_json::json;

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";

/// A backend that throttles each request.
fn throttling() -> Server {
    Server::start(|mut peer| {
        while peer.request().is_some() {
            peer.say(http("429 Slow Down", "", "{}"));
        }
    })
}

#[actix_web::test]
async fn a_call_whose_retry_is_refused_says_so_everywhere() {
    let backend = throttling();
    // Two attempts a call, and one retry in ten seconds.
    let budget = [("RETRY_BUDGET", "0"), ("RETRY_BUDGET_MIN", "0.1")];
    let lab = lab(config(&backend.url(), &budget)).await;

    let first = lab.get(CALL).await.body;
    assert_eq!((&first["attempts"], first.get("retry_refused")), (&json!(2), None));
    let second = lab.get(CALL).await;
    assert_eq!((second.status, &second.body["attempts"]), (429, &json!(1)));
    assert_eq!(second.body["retry_refused"], true);
    assert_eq!(lab.get("/api/test-retry").await.body["retry_refused"], true);
    assert_eq!(backend.requests(), 4);

    let history = lab.get("/api/events/history?type=retry-refused").await.body;
    let refused = &history["events"][0];
    assert_eq!(refused["call"], second.body["client_request_id"]);
    assert_eq!((&refused["attempt"], &refused["max_attempts"]), (&json!(1), &json!(2)));
    assert_eq!(refused["cause"], "status 429");
    let calls = lab.get("/api/events/history?type=call").await.body["events"].clone();
    assert_eq!((calls[0].get("retry_refused"), &calls[1]["retry_refused"]), (None, &json!(true)));

    let expected = json!({ "share": 0.0, "min_per_second": 0.1, "left": 0.0, "refused": 2 });
    assert_eq!(lab.get("/api/stats").await.body["policies"], json!({ "retry_budget": expected }));
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"client_retry_budget_left{name="backend"} 0"#,
            r#"client_retry_budget_refused_total{name="backend"} 2"#,
        ],
    );
}

#[actix_web::test]
async fn nothing_is_shown_of_a_budget_that_is_off() {
    let backend = throttling();
    let lab = lab(config(&backend.url(), &[])).await;
    for _ in 0..10 {
        let answer = lab.get(CALL).await.body;
        assert_eq!((&answer["attempts"], answer.get("retry_refused")), (&json!(2), None));
    }
    assert!(lab.get("/api/stats").await.body.get("policies").is_none());
    assert!(!lab.text("/metrics").await.contains("retry_budget"));
}
