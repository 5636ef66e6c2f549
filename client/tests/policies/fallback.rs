//! `FALLBACK=stale`: the last good answer, for a call that has none.

use std::sync::atomic::{AtomicU16, Ordering};

use resilience_testing::server::{Server, ok};
use serde_json::{Value, json};

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";
const STALE: (&str, &str) = ("FALLBACK", "stale");

/// A backend that answers with `status`, and with the number of the request as its body.
fn backend(status: &'static AtomicU16) -> Server {
    let requests = AtomicU16::new(0);
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            let number = requests.fetch_add(1, Ordering::SeqCst);
            match status.load(Ordering::SeqCst) {
                200 => peer.say(ok(&number.to_string())),
                code => peer.say(format!("HTTP/1.1 {code} X\r\nContent-Length: 2\r\n\r\n{{}}")),
            }
        }
    })
}

/// The last event of type `call`.
fn last_call(history: &Value) -> Value {
    history["events"].as_array().unwrap().last().unwrap().clone()
}

#[actix_web::test]
async fn failures_and_rejections_are_answered_with_the_last_good_answer() {
    static STATUS: AtomicU16 = AtomicU16::new(200);
    let backend = backend(&STATUS);
    let lab = lab(config(&backend.url(), &[STALE, ("BREAKER_FAIL_MAX", "1")])).await;
    let fresh = lab.get(CALL).await;
    assert_eq!((fresh.status, &fresh.body["backend_response"]), (200, &json!(0)));
    assert!(fresh.body.get("stale").is_none() && fresh.body.get("stale_age_seconds").is_none());

    STATUS.store(500, Ordering::SeqCst);
    let failed = lab.get(CALL).await;
    assert_eq!((failed.status, &failed.body["backend_response"]), (200, &json!(0)));
    assert_eq!((&failed.body["stale"], &failed.body["attempts"]), (&json!(true), &json!(2)));
    assert!(failed.body["stale_age_seconds"].as_f64().is_some_and(|age| age > 0.0));
    assert_eq!(failed.body["circuit_breaker_state"], "open");
    let rejected = lab.get(CALL).await;
    assert_eq!((rejected.status, &rejected.body["stale"]), (200, &json!(true)));
    assert_eq!(rejected.body["attempts"], 0);
    let event = last_call(&lab.get("/api/events/history?type=call").await.body);
    assert_eq!((&event["outcome"], &event["status"]), (&json!("fallback"), &json!(200)));
    assert!(event["stale_age_seconds"].is_number(), "{event}");

    let stress = lab.post("/api/stress-test", r#"{"num_requests": 1}"#).await.body;
    let result = &stress["results"][0];
    assert_eq!((&result["status_code"], &result["stale"]), (&json!(200), &json!(true)));

    let stats = lab.get("/api/stats").await.body;
    let statistics = &stats["statistics"];
    let counts = ["total_requests", "successful_requests", "stale_responses", "failed_requests"];
    assert_eq!(counts.map(|count| &statistics[count]), [4, 1, 3, 0].map(|n| json!(n)).each_ref());
    assert_eq!(statistics["rejected_requests"], 0);
    let kept = json!({ "answers": 1, "bytes": 1, "max_bytes": 1_048_576 });
    assert_eq!(stats["policies"], json!({ "fallback": kept }));
    let counts = lab.get("/api/circuit-breaker").await.body["counts"].clone();
    assert_eq!(
        (&counts["failed"], &counts["retries"]["failed_with_retry"]),
        (&json!(1), &json!(1))
    );
    let metrics = lab.text("/metrics").await;
    let line = r#"client_stale_answers_total{name="backend"} 3"#;
    assert_lines(&metrics, &[line]);
}

#[actix_web::test]
async fn client_errors_other_requests_and_the_baseline_get_no_stale_answer() {
    static STATUS: AtomicU16 = AtomicU16::new(200);
    let backend = backend(&STATUS);
    let lab = lab(config(&backend.url(), &[STALE, ("BREAKER_FAIL_MAX", "100")])).await;
    assert_eq!(lab.get(CALL).await.status, 200);
    for status in [404, 429] {
        STATUS.store(status, Ordering::SeqCst);
        assert_eq!(lab.get(CALL).await.status, status);
    }
    STATUS.store(500, Ordering::SeqCst);
    assert_eq!(lab.get("/api/test-retry").await.status, 500, "never answered before");
    assert_eq!(lab.get("/api/call-backend-without-resilience").await.status, 500);
    assert_eq!(lab.get(CALL).await.status, 200);

    STATUS.store(200, Ordering::SeqCst);
    assert_eq!(lab.get("/api/test-retry").await.status, 200);
    STATUS.store(501, Ordering::SeqCst);
    let retried = lab.get("/api/test-retry").await;
    assert_eq!((retried.status, &retried.body["stale"]), (200, &json!(true)));
    assert_eq!(retried.body["attempt_log"][0]["status_code"], 501);
}

#[actix_web::test]
async fn an_answer_is_given_until_its_maximum_age() {
    static STATUS: AtomicU16 = AtomicU16::new(200);
    let backend = backend(&STATUS);
    let short = [STALE, ("FALLBACK_MAX_AGE", "0.000001"), ("BREAKER_FAIL_MAX", "100")];
    let lab = lab(config(&backend.url(), &short)).await;
    assert_eq!(lab.get(CALL).await.status, 200);
    STATUS.store(500, Ordering::SeqCst);
    let expired = lab.get(CALL).await;
    assert_eq!((expired.status, expired.body.get("stale")), (500, None));
}

#[actix_web::test]
async fn nothing_is_shown_of_a_fallback_that_is_off() {
    let lab = lab(config("http://127.0.0.1:9", &[])).await;
    assert_eq!(lab.get(CALL).await.status, 502);
    let statistics = lab.get("/api/stats").await.body["statistics"].clone();
    assert!(statistics.get("stale_responses").is_none(), "{statistics}");
    assert!(!lab.text("/metrics").await.contains("stale"));
}
