//! `/api/circuit-breaker/settings`: other settings of the policies while calls are made.

use actix_web::{
    http::{Method, header::AUTHORIZATION},
    test::TestRequest,
};
use resilience_actors::State;
use resilience_testing::{
    Answer,
    server::{Server, http, ok},
};
use serde_json::{Value, json};

use crate::support::{Lab, assert_lines, config, lab};

const CALL: &str = "/api/call-backend";
const SETTINGS: &str = "/api/circuit-breaker/settings";

fn failing() -> Server {
    Server::answering(http("500 Oops", "", "{}"))
}

fn patch(body: impl Into<String>) -> TestRequest {
    TestRequest::patch().uri(SETTINGS).set_payload(body.into())
}

/// Changes settings. Panics if they are not taken.
async fn change<S>(lab: &Lab<S>, settings: Value) -> Value
where
    S: actix_web::dev::Service<
            actix_http::Request,
            Response = actix_web::dev::ServiceResponse<actix_web::body::BoxBody>,
            Error = actix_web::Error,
        >,
{
    let Answer { status, body, .. } = lab.send(patch(settings.to_string())).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[actix_web::test]
async fn the_circuit_opens_and_calls_are_retried_by_the_new_settings() {
    let backend = failing();
    let lab = lab(config(&backend.url(), &[])).await;
    let new = change(&lab, json!({ "breaker_fail_max": 2, "retry_max_attempts": 3 })).await;
    assert_eq!((&new["breaker_fail_max"], &new["retry_max_attempts"]), (&json!(2), &json!(3)));
    assert_eq!(lab.get(SETTINGS).await.body, new);
    for state in [State::Closed, State::Open] {
        let body = lab.get(CALL).await.body;
        assert_eq!((&body["attempts"], &body["circuit_breaker_state"]), (&json!(3), &json!(state)));
    }
    let stats = lab.get("/api/stats").await.body;
    assert_eq!(stats["retry"]["max_attempts"], 3);
    assert_eq!(stats["circuit_breaker"]["fail_max"], 2);
    let events = lab.get("/api/events/history?type=reconfigured").await.body["events"].clone();
    let changes: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["changes"].clone()).collect();
    assert_eq!(changes, [json!(["fail_max 5 -> 2"]), json!(["max_attempts 2 -> 3"])]);
}

#[actix_web::test]
async fn a_policy_goes_on_and_off_and_shows_its_state_while_it_is_on() {
    let lab = lab(config(&Server::answering(ok("{}")).url(), &[])).await;
    change(&lab, json!({ "concurrency_max": 7, "rate_limit": "1/h" })).await;
    assert_eq!([lab.get(CALL).await.status, lab.get(CALL).await.status], [200, 503]);
    let policies = lab.get("/api/stats").await.body["policies"].clone();
    assert_eq!(
        (&policies["concurrency"]["max"], &policies["rate"]["limit"]),
        (&json!(7), &json!(1))
    );
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[r#"resilience4j_bulkhead_max_allowed_concurrent_calls{name="backend"} 7"#],
    );
    change(&lab, json!({ "concurrency_max": "auto", "rate_limit": false })).await;
    assert_eq!(lab.get(CALL).await.status, 200);
    let policies = lab.get("/api/stats").await.body["policies"].clone();
    assert_eq!((&policies["concurrency"]["max"], &policies["rate"]), (&json!(7), &Value::Null));
    change(&lab, json!({ "concurrency_max": null })).await;
    assert!(lab.get("/api/stats").await.body.get("policies").is_none());
}

#[actix_web::test]
async fn the_baseline_has_the_new_time_limits_too() {
    let silent = Server::start(|mut peer| {
        peer.request();
        peer.hold();
    });
    let lab = lab(config(&silent.url(), &[("CONNECT_TIMEOUT", "0.05")])).await;
    change(&lab, json!({ "attempt_timeout": 0.1, "retry_max_attempts": 1 })).await;
    for path in [CALL, "/api/call-backend-without-resilience"] {
        let answer = lab.get(path).await;
        let elapsed = answer.body["elapsed_time_seconds"].as_f64().unwrap();
        assert!(answer.status == 504 && (0.1..0.35).contains(&elapsed), "{path}: {answer:?}");
    }
}

#[actix_web::test]
async fn the_header_of_priorities_is_the_one_in_force() {
    let lab = lab(config(&Server::answering(ok("{}")).url(), &[])).await;
    let bad = || TestRequest::get().uri(CALL).insert_header(("x-important", "9"));
    assert_eq!(lab.send(bad()).await.status, 200);
    change(&lab, json!({ "concurrency_max": 7, "priority_header": "x-important" })).await;
    assert_eq!(lab.send(bad()).await.status, 400);
}

#[actix_web::test]
async fn changes_add_up_and_null_goes_back_to_the_start() {
    let lab = lab(config("http://127.0.0.1:9", &[("BREAKER_FAIL_MAX", "4")])).await;
    let at_start = lab.get(SETTINGS).await.body;
    assert_eq!(at_start["breaker_fail_max"], 4);
    assert_eq!(change(&lab, at_start.clone()).await, at_start, "what GET shows can be sent back");
    change(&lab, json!({ "breaker_fail_max": 9 })).await;
    let both = change(&lab, json!({ "retry_backoff": "linear" })).await;
    assert_eq!((&both["breaker_fail_max"], &both["retry_backoff"]), (&json!(9), &json!("linear")));
    let back = change(&lab, json!({ "breaker_fail_max": null, "retry_backoff": null })).await;
    assert_eq!(back, at_start);
    assert_eq!(lab.send(patch("")).await.body, at_start, "an empty body changes nothing");
}

#[actix_web::test]
async fn an_error_names_the_setting_and_nothing_changes() {
    let lab = lab(config("http://127.0.0.1:9", &[])).await;
    let (before, breaker) = (lab.get(SETTINGS).await.body, lab.breaker.config());
    for (body, says) in [
        (r#"{"retry_max_attempts": 9, "breaker_fail_max": "many"}"#, "BREAKER_FAIL_MAX=\"many\""),
        (r#"{"call_deadline": 0.1}"#, "CALL_DEADLINE=\"0.1\" is not valid"),
        (r#"{"attempt_timeout": 5}"#, "expected no less than ATTEMPT_TIMEOUT=5"),
        (r#"{"breaker_failmax": 1}"#, "did you mean breaker_fail_max?"),
        (r#"{"max_calls": 1}"#, "only settings of policies can be changed"),
        ("[1]", "must be a JSON object"),
        ("7", "invalid type"),
        ("{", "EOF"),
    ] {
        let answer = lab.send(patch(body)).await;
        assert_eq!(answer.status, 400, "{body}");
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(says), "{body}: {message}");
    }
    assert_eq!(lab.get(SETTINGS).await.body, before);
    assert_eq!(lab.breaker.config(), breaker);
    assert_eq!(lab.get("/api/events/history").await.body["events"], json!([]));
}

#[actix_web::test]
async fn a_change_needs_the_token_and_other_methods_are_refused() {
    let lab = lab(config("http://127.0.0.1:9", &[("ADMIN_TOKEN", "secret")])).await;
    let two = r#"{"breaker_fail_max": 2}"#;
    assert_eq!(lab.send(patch(two)).await.status, 401);
    assert_eq!(lab.breaker.config().fail_max, 5);
    let admin = patch(two).insert_header((AUTHORIZATION, "Bearer secret"));
    assert_eq!(lab.send(admin).await.status, 200);
    assert_eq!(lab.get(SETTINGS).await.body["breaker_fail_max"], 2);
    for method in [Method::PUT, Method::POST, Method::DELETE] {
        let answer = lab.send(TestRequest::with_uri(SETTINGS).method(method)).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET, HEAD, PATCH, OPTIONS"))
        );
    }
}

#[actix_web::test]
async fn probes_begin_and_end_with_their_setting() {
    let backend = failing();
    let quick = [("BREAKER_FAIL_MAX", "1"), ("RETRY_MAX_ATTEMPTS", "1")];
    let lab = lab(config(&backend.url(), &quick)).await;
    lab.get(CALL).await;
    let probes = || lab.breaker.counts().probes.map(|probes| probes.failure);
    assert_eq!(probes(), None);
    change(&lab, json!({ "breaker_probe": "/health", "breaker_probe_interval": 0.01 })).await;
    let begun = async || probes() > Some(2);
    resilience_testing::until_async("probes fail", resilience_testing::PATIENCE, begun).await;
    change(&lab, json!({ "breaker_probe": null, "breaker_probe_interval": null })).await;
    lab.breaker().await;
    let until_now = probes();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(probes(), until_now);
    assert_eq!(lab.get(SETTINGS).await.body["breaker_probe"], false);
}
