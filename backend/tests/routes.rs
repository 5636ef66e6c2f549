//! The endpoints behind the production stack, good input and bad, without a socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::time::Duration;

use actix_web::{
    App, Error,
    body::BoxBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, header::AUTHORIZATION},
    test::{TestRequest, init_service},
};
use backend_service::{
    actor::FaultActor, config::Config, metrics::FaultMetrics, routes::configure,
};
use resilience_testing::app::answer;
use serde_json::json;
use service_edge::{Drain, Metrics, Routes, Settings, app};

/// The service as `run` builds it, with these variables set.
fn backend(
    drain: &Drain,
    variables: &[(&str, &str)],
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let mut settings = Settings::from_pairs(variables);
    let config = Config::read(&mut settings).unwrap();
    let metrics = Metrics::new("1");
    let counted = FaultMetrics::new(&metrics);
    let faults = FaultActor::start_alone(config.plan, config.fault_seed, drain.clone(), counted);
    let answers = config.answers;
    let routes = |routes: &mut Routes<'_>| configure(routes, faults, answers);
    app(drain.clone(), config.common.admin_token, metrics, routes)
}

fn get(path: &str) -> TestRequest {
    TestRequest::with_uri(path)
}

fn put_faults(body: impl Into<actix_web::web::Bytes>) -> TestRequest {
    TestRequest::put().uri("/api/faults").set_payload(body)
}

#[actix_web::test]
async fn health_and_ready_answer_200() {
    let backend = init_service(backend(&Drain::new(), &[])).await;
    let health = answer(&backend, get("/health").to_request()).await;
    assert_eq!(health.status, 200);
    assert_eq!(health.body, json!({ "status": "healthy", "service": "backend-service" }));
    assert_eq!(answer(&backend, get("/ready").to_request()).await.status, 200);
}

#[actix_web::test]
async fn a_good_answer_has_data_number_and_pod() {
    let backend = init_service(backend(
        &Drain::new(),
        &[("FAILURE_RATE", "0"), ("SLOW_RESPONSE_RATE", "0"), ("HOSTNAME", "b-0")],
    ))
    .await;
    for number in 1..=2 {
        let good = answer(&backend, get("/api/data").to_request()).await;
        assert_eq!(good.status, 200);
        assert_eq!(good.body["status"], "success");
        assert_eq!(good.body["request_number"], number);
        assert_eq!(good.body["pod"], "b-0");
        assert!(good.body["data"].is_string());
    }
}

#[actix_web::test]
async fn a_failure_is_a_500_with_error_and_message() {
    let backend =
        init_service(backend(&Drain::new(), &[("FAILURE_RATE", "1"), ("SLOW_RESPONSE_RATE", "0")]))
            .await;
    let failed = answer(&backend, get("/api/data").to_request()).await;
    failed.assert_error(500, "Internal Server Error", "");
}

#[actix_web::test]
async fn throttling_is_a_429_with_retry_after_only_if_configured() {
    let silent = init_service(backend(&Drain::new(), &[("TRANSIENT_FAILURE_RATE", "1")])).await;
    let throttled = answer(&silent, get("/api/transient-failure").to_request()).await;
    throttled.assert_error(429, "Too Many Requests", "");
    assert!(throttled.header("retry-after").is_none());

    let telling = init_service(backend(
        &Drain::new(),
        &[("TRANSIENT_FAILURE_RATE", "1"), ("TRANSIENT_RETRY_AFTER", "1.2")],
    ))
    .await;
    let throttled = answer(&telling, get("/api/transient-failure").to_request()).await;
    throttled.assert_error(429, "Too Many Requests", "");
    assert_eq!(throttled.header("retry-after"), Some("2"));
}

#[actix_web::test]
async fn an_answer_that_is_not_throttled_is_a_success() {
    let backend = init_service(backend(&Drain::new(), &[("TRANSIENT_FAILURE_RATE", "0")])).await;
    let good = answer(&backend, get("/api/transient-failure").to_request()).await;
    assert_eq!((good.status, &good.body["status"]), (200, &json!("success")));
}

#[actix_web::test]
async fn a_request_can_set_its_own_failure_rate() {
    let backend =
        init_service(backend(&Drain::new(), &[("FAILURE_RATE", "0"), ("SLOW_RESPONSE_RATE", "0")]))
            .await;
    let with = |rate| get("/api/data").insert_header(("X-Failure-Rate", rate)).to_request();
    assert_eq!(answer(&backend, with("1")).await.status, 500);
    assert_eq!(answer(&backend, with("0.0")).await.status, 200);
}

#[actix_web::test]
async fn an_invalid_failure_rate_header_is_a_400_and_draws_nothing() {
    let backend = init_service(backend(&Drain::new(), &[])).await;
    for rate in ["", "often", "1.1", "-0.1", "NaN", "inf", "0,5", "50%"] {
        let request = get("/api/data").insert_header(("X-Failure-Rate", rate));
        answer(&backend, request.to_request()).await.assert_error(400, "Bad Request", "");
    }
    let twice = get("/api/data")
        .append_header(("X-Failure-Rate", "1"))
        .append_header(("X-Failure-Rate", "0"));
    answer(&backend, twice.to_request()).await.assert_error(400, "Bad Request", "");
    let metrics = answer(&backend, get("/api/metrics").to_request()).await;
    assert_eq!(metrics.body["total_requests"], 0);
}

#[actix_web::test]
async fn the_same_seed_repeats_the_answers() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let backend = init_service(backend(
            &Drain::new(),
            &[("FAULT_SEED", "7"), ("SLOW_RESPONSE_DELAY", "0")],
        ))
        .await;
        let mut statuses = Vec::new();
        for _ in 0..50 {
            let answer = answer(&backend, get("/api/data").to_request()).await;
            statuses.push(answer.status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&500) && runs[0].contains(&200), "{:?}", runs[0]);
}

#[actix_web::test]
async fn sequence_is_played_and_counted() {
    let backend = init_service(backend(&Drain::new(), &[("SLOW_RESPONSE_DELAY", "0")])).await;
    let sequence = json!({ "sequence": ["fail", "transient", "slow", "ok"], "failure_rate": 0 });
    let set = answer(&backend, put_faults(sequence.to_string()).to_request()).await;
    assert_eq!(set.status, 200, "{}", set.body);
    for (path, status) in [
        ("/api/data", 500),
        ("/api/data", 429),
        ("/api/transient-failure", 200),
        ("/api/transient-failure", 200),
    ] {
        assert_eq!(answer(&backend, get(path).to_request()).await.status, status);
    }
    let metrics = answer(&backend, get("/api/metrics").to_request()).await.body;
    assert_eq!(
        metrics,
        json!({
            "total_requests": 4,
            "successful_responses": 1,
            "failed_responses": 1,
            "slow_responses": 1,
            "transient_failures": 1,
            "hung_requests": 0,
            "reset_connections": 0,
            "failure_rate": 0.0,
            "slow_response_rate": 0.2,
            "slow_response_delay": 0.0,
            "transient_failure_rate": 0.6,
            "sequence_remaining": 0,
        })
    );
}

#[actix_web::test]
async fn a_put_replaces_the_whole_plan_and_an_empty_one_restores_it() {
    let backend = init_service(backend(&Drain::new(), &[])).await;
    let started_with = answer(&backend, get("/api/faults").to_request()).await.body;
    assert_eq!(
        started_with,
        json!({
            "failure_rate": 0.3,
            "slow_response_rate": 0.2,
            "slow_response_delay": 5.0,
            "transient_failure_rate": 0.6,
            "sequence": null,
            "repeat": false,
        })
    );
    let change = json!({ "failure_rate": 0.5, "sequence": ["ok"], "repeat": true });
    let changed = answer(&backend, put_faults(change.to_string()).to_request()).await.body;
    assert_eq!(changed["failure_rate"], 0.5);
    assert_eq!(changed["sequence"], json!(["ok"]));
    let read = answer(&backend, get("/api/faults").to_request()).await.body;
    assert_eq!(read, changed);
    for body in ["", "{}"] {
        let restored = answer(&backend, put_faults(body).to_request()).await;
        assert_eq!(restored.body, started_with);
    }
}

#[actix_web::test]
async fn bad_plan_is_a_400_that_changes_nothing() {
    let backend = init_service(backend(&Drain::new(), &[])).await;
    let before = answer(&backend, get("/api/faults").to_request()).await.body;
    for body in [
        "failure_rate=1",
        "{\"failure_rate\":",
        "[0.5]",
        "null",
        "{\"failure_rate\":\"0.5\"}",
        "{\"failure_rate\":0.1,\"nonsense\":1}",
        "{\"failure_rate\":0.1,\"slow_response_rate\":-1}",
        "{\"failure_rate\":0.1,\"slow_response_delay\":3601}",
        "{\"failure_rate\":0.1,\"transient_failure_rate\":1e400}",
        "{\"failure_rate\":0.6,\"slow_response_rate\":0.6}",
        "{\"failure_rate\":0.1,\"sequence\":[]}",
        "{\"failure_rate\":0.1,\"sequence\":[\"explode\"]}",
        "{\"failure_rate\":0.1,\"repeat\":true}",
    ] {
        let refused = answer(&backend, put_faults(body).to_request()).await;
        refused.assert_error(400, "Bad Request", "");
    }
    let after = answer(&backend, get("/api/faults").to_request()).await.body;
    assert_eq!(after, before);
}

#[actix_web::test]
async fn changing_the_plan_needs_the_token_and_reading_it_does_not() {
    let backend = init_service(backend(&Drain::new(), &[("ADMIN_TOKEN", "s3cret")])).await;
    let stranger = answer(&backend, put_faults("{}").to_request()).await;
    stranger.assert_error(401, "Unauthorized", "");
    let admin = put_faults("{}").insert_header((AUTHORIZATION, "Bearer s3cret"));
    assert_eq!(answer(&backend, admin.to_request()).await.status, 200);
    assert_eq!(answer(&backend, get("/api/faults").to_request()).await.status, 200);
}

#[actix_web::test]
async fn wrong_methods_and_unknown_paths_are_refused_with_a_body() {
    let backend = init_service(backend(&Drain::new(), &[])).await;
    for path in ["/", "/health", "/ready", "/api/data", "/api/transient-failure", "/api/metrics"] {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let request = get(path).method(method);
            let refused = answer(&backend, request.to_request()).await;
            refused.assert_error(405, "Method Not Allowed", "");
            assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    }
    let refused = answer(&backend, get("/api/faults").method(Method::POST).to_request()).await;
    refused.assert_error(405, "Method Not Allowed", "");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, PUT, OPTIONS"));
    for path in ["/api", "/api/data/", "/api/data/1"] {
        let refused = answer(&backend, get(path).to_request()).await;
        refused.assert_error(404, "Not Found", "");
    }
}

#[actix_web::test]
async fn huge_plan_is_refused() {
    let backend = init_service(backend(&Drain::new(), &[])).await;
    let refused = answer(&backend, put_faults(vec![b' '; 10_000_000]).to_request()).await;
    refused.assert_error(413, "Payload Too Large", "");
}

#[actix_web::test]
async fn a_hanging_request_ends_when_the_shutdown_begins() {
    let drain = Drain::new();
    let backend = init_service(backend(&drain, &[("FAILURE_RATE", "0")])).await;
    answer(&backend, put_faults("{\"sequence\":[\"hang\"]}").to_request()).await;
    let request = get("/api/data").to_request();
    let played = async {
        tokio::join!(answer(&backend, request), async {
            // Not before the request has been drawn: it counts as hung from then on.
            loop {
                let metrics = answer(&backend, get("/api/metrics").to_request()).await.body;
                if metrics["hung_requests"] == 1 {
                    break drain.begin();
                }
            }
        })
    };
    let (hung, ()) = tokio::time::timeout(Duration::from_secs(30), played).await.unwrap();
    hung.assert_error(503, "Service Unavailable", "");
}

#[actix_web::test]
async fn metrics_count_the_draws_and_show_the_current_rates() {
    let backend = init_service(backend(&Drain::new(), &[("HOSTNAME", "backend-0")])).await;
    let plan = r#"{"sequence": ["fail", "transient", "ok"], "failure_rate": 0.25}"#;
    let put = answer(&backend, put_faults(plan).to_request()).await;
    assert_eq!((put.status, put.header("x-pod")), (200, Some("backend-0")));
    for path in ["/api/data", "/api/data", "/api/transient-failure"] {
        answer(&backend, get(path).to_request()).await;
    }
    let told = answer(&backend, get("/metrics").to_request()).await;
    assert_eq!(told.header("content-type"), Some("text/plain; version=0.0.4"));
    let text = told.text;
    for line in [
        r#"backend_requests_total{endpoint="data",outcome="fail"} 1"#,
        r#"backend_requests_total{endpoint="data",outcome="transient"} 1"#,
        r#"backend_requests_total{endpoint="transient-failure",outcome="ok"} 1"#,
        r#"backend_requests_total{endpoint="transient-failure",outcome="hang"} 0"#,
        r#"backend_fault_rate{kind="fail"} 0.25"#,
        r#"http_requests_total{method="GET",path="/api/data",status="500"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}
