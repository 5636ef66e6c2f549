//! Manual controls, the backend's fault plan, metrics, traces, and the page.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use actix_web::{
    http::{StatusCode, header::HeaderValue},
    test::TestRequest,
    web::Bytes,
};
use client_service::transport::replicas::{PlanAnswer, PlanRequest, ask_all};
use resilience_testing::{
    PATIENCE,
    server::{Peer, Server, http, ok},
    until_async,
};
use serde_json::{Value, json};
use support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";
const FAULTS: &str = "/api/backend/faults";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

#[actix_web::test]
async fn the_circuit_breaker_is_shown_with_its_configuration_and_counts() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    lab.get(CALL).await;
    let body = lab.get("/api/circuit-breaker").await.body;
    for (key, value) in [
        ("state", json!("closed")),
        ("mode", json!("auto")),
        ("epoch", json!(0)),
        ("fail_counter", json!(0)),
        ("open_count", json!(0)),
        ("half_open_in", Value::Null),
        ("trials_in_flight", json!(0)),
        ("fail_max", json!(5)),
        ("reset_timeout", json!(60.0)),
    ] {
        assert_eq!(body[key], value, "{body}");
    }
    assert_eq!(body["counts"]["successful"], 1);
    assert_eq!(body["counts"]["not_permitted"]["circuit_open"], 0);
}

#[actix_web::test]
async fn each_breaker_control_takes_effect_and_reports_it() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    for (control, state, mode, status) in [
        ("force-open", "open", "forced-open", 503),
        ("enable", "closed", "auto", 200),
        ("disable", "closed", "disabled", 200),
        ("force-open", "open", "forced-open", 503),
        ("reset", "closed", "auto", 200),
    ] {
        let done = lab.post(&format!("/api/circuit-breaker/{control}"), "").await;
        assert_eq!((done.status, &done.body["state"]), (200, &state.into()), "{control}");
        assert!(done.body["message"].as_str().unwrap().starts_with("circuit breaker"));
        if control != "reset" {
            assert_eq!(done.body["mode"], mode);
        }
        let shown = lab.get("/api/circuit-breaker").await.body;
        assert_eq!((&shown["state"], &shown["mode"]), (&state.into(), &mode.into()), "{control}");
        assert_eq!(lab.get(CALL).await.status, status, "{control}");
    }
}

#[actix_web::test]
async fn every_change_needs_the_admin_token() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("ADMIN_TOKEN", "s3cret")])).await;
    let post = |path: &str| TestRequest::post().uri(path);
    for request in [
        post("/api/circuit-breaker/force-open"),
        post("/api/circuit-breaker/disable"),
        post("/api/circuit-breaker/enable"),
        post("/api/circuit-breaker/reset"),
        TestRequest::put().uri(FAULTS).set_payload("{}"),
    ] {
        let refused = lab.send(request).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(upstream.requests(), 0);
    let admin = post("/api/circuit-breaker/force-open");
    let admin = admin.insert_header(("authorization", "Bearer s3cret"));
    assert_eq!(lab.send(admin).await.status, 200);
    for path in ["/api/circuit-breaker", FAULTS, "/api/events/history"] {
        assert_eq!(lab.get(path).await.status, 200, "reading needs none: {path}");
    }
}

#[actix_web::test]
async fn the_fault_plan_of_the_replica_is_shown_with_its_pod() {
    let plan = http("200 OK", "x-pod: backend-0\r\n", r#"{"failure_rate": 0.3}"#);
    let upstream = Server::answering(plan);
    let lab = lab(config(&upstream.url(), &[])).await;
    let shown = lab.get(FAULTS).await;
    let address = upstream.address().to_string();
    let expected = json!({ "replicas": [
        { "address": address, "pod": "backend-0", "plan": { "failure_rate": 0.3 } }
    ] });
    assert_eq!((shown.status, shown.body), (200, expected));

    let put = TestRequest::put().uri(FAULTS).set_payload(r#"{"failure_rate": 0.3}"#);
    let put = put.insert_header(("authorization", "Bearer t"));
    assert_eq!(lab.send(put).await.status, 200);
    let head = upstream.heads()[1].to_lowercase();
    assert!(head.starts_with("put /api/faults http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer t\r\n"), "{head}");
}

#[actix_web::test]
async fn a_refusal_of_a_plan_by_the_backend_reaches_the_caller() {
    let error = r#"{"error":"Bad Request","message":"failure_rate is 5"}"#;
    let upstream = Server::answering(http("400 Bad Request", "", error));
    let lab = lab(config(&upstream.url(), &[])).await;
    let put = TestRequest::put().uri(FAULTS).set_payload(r#"{"failure_rate": 5}"#);
    let refused = lab.send(put).await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &"failure_rate is 5".into()));
    for bad in ["", "[1]", "not json", r#"{"a":1} x"#] {
        let answer = lab.send(TestRequest::put().uri(FAULTS).set_payload(bad)).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
}

#[actix_web::test]
async fn a_replica_that_fails_to_apply_the_plan_is_a_502_that_names_it() {
    let unauthorized = r#"{"error":"Unauthorized","message":"this needs the admin token"}"#;
    let upstream = Server::answering(http("401 Unauthorized", "", unauthorized));
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.send(TestRequest::put().uri(FAULTS).set_payload("{}")).await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.body["error"], "Bad Gateway");
    assert_eq!(answer.body["message"], "1 of 1 replicas did not take the plan");
    let error = answer.body["replicas"][0]["error"].as_str().unwrap();
    assert_eq!(error, "status 401: this needs the admin token");
}

#[actix_web::test]
async fn the_status_of_a_replica_counts_even_if_its_body_cannot_be_read() {
    for status in ["400 Bad Request", "401 Unauthorized"] {
        let upstream = Server::answering(http(status, "", &" ".repeat(10_001)));
        let lab = lab(config(&upstream.url(), &[])).await;
        let answer = lab.send(TestRequest::put().uri(FAULTS).set_payload("{}")).await;
        assert_eq!(answer.status, 502);
        let error = answer.body["replicas"][0]["error"].as_str().unwrap();
        assert_eq!(error, format!("status {}", &status[..3]));
    }
}

#[actix_web::test]
async fn a_backend_without_replicas_is_a_502() {
    let lab =
        lab(config("http://127.0.0.1:1", &[("BACKEND_FAULTS_HOST", "nowhere.invalid")])).await;
    let answer = lab.get(FAULTS).await;
    assert_eq!((answer.status, &answer.body["error"]), (502, &"Bad Gateway".into()));
}

#[actix_web::test]
async fn each_replica_is_asked_and_a_dead_or_silent_one_does_not_delay_the_others() {
    let good = Server::answering(ok(r#"{"failure_rate": 1}"#));
    let strange = Server::answering(ok("<html>"));
    let silent = Server::start(Peer::hold);
    let dead: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let addresses = vec![dead, silent.address(), strange.address(), good.address()];
    let authorization = Some(HeaderValue::from_static("Bearer t"));
    let request = PlanRequest::Put { plan: Bytes::from_static(b"{}"), authorization };
    let answers = ask_all(addresses.clone(), &request, &config("http://b:1", &[])).await;
    let asked: Vec<_> = answers.iter().map(|(address, _)| *address).collect();
    assert_eq!(asked, addresses, "in their order");
    let failures: Vec<_> = answers
        .iter()
        .map(|(_, answer)| match answer {
            PlanAnswer::Failed(why) => why.as_str(),
            PlanAnswer::Plan { .. } => "",
            PlanAnswer::Refused { .. } => panic!("no replica refused"),
        })
        .collect();
    assert_eq!(failures[0], "backend unreachable: connection refused");
    assert_eq!(failures[1], "no answer within 0.400s");
    assert!(failures[2].starts_with("no JSON"), "{}", failures[2]);
    assert_eq!((failures[3], good.requests()), ("", 1));
}

#[actix_web::test]
async fn each_attempt_is_a_span_of_its_callers_trace() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    for path in [CALL, "/api/call-backend-without-resilience", "/api/test-retry"] {
        upstream.forget();
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let request = TestRequest::get().uri(path).insert_header(("traceparent", parent));
        let answer = lab.send(request).await;
        let mut spans = vec![SPAN.to_owned(), span_of(answer.header("traceparent").unwrap())];
        for head in upstream.heads() {
            let line = head.lines().find_map(|line| line.strip_prefix("traceparent: "));
            spans.push(span_of(line.unwrap()));
        }
        assert!(spans.len() >= 3, "{path}");
        let mut distinct = spans.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), spans.len(), "{path}: {spans:?}");
    }
}

fn span_of(header: &str) -> String {
    let parts: Vec<_> = header.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"), "{header}");
    parts[2].to_owned()
}

#[actix_web::test]
async fn an_invalid_traceparent_is_replaced_by_a_new_trace() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    let zero = "0".repeat(32);
    for bad in ["", "garbage", &format!("00-{zero}-{SPAN}-01"), &format!("ff-{TRACE}-{SPAN}-01")] {
        let request = TestRequest::get().uri(CALL).insert_header(("traceparent", bad));
        let answer = lab.send(request).await;
        assert_eq!(answer.status, 200);
        let begun = answer.header("traceparent").unwrap();
        assert_eq!(begun.len(), 55);
        assert!(!begun.contains(TRACE) && !begun.contains(&zero), "{begun}");
    }
}

#[actix_web::test]
async fn metrics_have_the_names_of_resilience4j_and_count_without_a_scrape() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let lab = lab(config(&upstream.url(), &[("BREAKER_FAIL_MAX", "1")])).await;
    lab.get(CALL).await;
    lab.get(CALL).await;
    // The snapshot is taken after all earlier messages.
    lab.get("/api/circuit-breaker").await;
    let text = lab.text("/metrics").await;
    assert_lines(
        &text,
        &[
            r#"resilience4j_circuitbreaker_state{name="backend",state="open"} 1"#,
            r#"resilience4j_circuitbreaker_state{name="backend",state="closed"} 0"#,
            r#"resilience4j_circuitbreaker_calls_seconds_count{kind="failed",name="backend"} 2"#,
            r#"resilience4j_circuitbreaker_not_permitted_calls_total{name="backend",kind="not_permitted"} 1"#,
            r#"resilience4j_circuitbreaker_buffered_calls{name="backend",kind="failed"} 1"#,
            r#"resilience4j_circuitbreaker_failure_rate{name="backend"} 100"#,
            r#"resilience4j_circuitbreaker_transitions_total{name="backend",from="closed",to="open"} 1"#,
            r#"resilience4j_circuitbreaker_transitions_total{name="backend",from="open",to="half_open"} 0"#,
            r#"resilience4j_retry_calls_total{name="backend",kind="failed_with_retry"} 1"#,
            r#"client_retry_attempts_total{name="backend"} 1"#,
            r#"client_retry_wait_seconds_count{name="backend"} 1"#,
            "client_calls_in_flight 0",
            r#"client_mailbox_depth{name="backend",actor="breaker"} 0"#,
            r#"client_overload_rejections_total{name="backend"} 0"#,
            r#"client_events_total{name="backend",type="call"} 2"#,
            r#"http_requests_total{method="GET",path="/api/call-backend",status="503"} 1"#,
            r#"http_request_duration_seconds_count{method="GET",path="/api/call-backend"} 2"#,
            r#"build_info{version="1"} 1"#,
        ],
    );
    let mut types: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let all = types.len();
    types.dedup();
    assert_eq!(types.len(), all, "each metric is described once");
}

#[actix_web::test]
async fn attempts_are_counted_when_they_end_even_if_the_caller_left_and_baseline_attempts_are_not()
{
    let upstream = Server::start(Peer::hold);
    let lab = lab(config(&upstream.url(), &[])).await;
    for path in [CALL, "/api/call-backend-without-resilience"] {
        // An attempt takes 0.4 s here.
        let left = tokio::time::timeout(Duration::from_millis(100), lab.get(path)).await;
        assert!(left.is_err(), "{path}");
    }
    let failed = r#"resilience4j_circuitbreaker_calls_seconds_count{kind="failed",name="backend"}"#;
    until_async("the attempt is counted", PATIENCE, async || {
        lab.text("/metrics").await.contains(&format!("{failed} 1\n"))
    })
    .await;
    until_async("both have ended", PATIENCE, async || {
        lab.text("/metrics").await.contains("client_calls_in_flight 0\n")
    })
    .await;
    assert!(lab.text("/metrics").await.contains(&format!("{failed} 1\n")), "counted once");
}

#[actix_web::test]
async fn a_cached_page_is_answered_with_304() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    let page = lab.open(TestRequest::get().uri("/")).await;
    let policy = page.headers().get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
    assert_eq!(page.headers().get("cache-control").unwrap(), "no-cache");
    assert_eq!(page.headers().get("x-content-type-options").unwrap(), "nosniff");
    let tag = page.headers().get("etag").unwrap().to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let again = TestRequest::get().uri("/").insert_header(("if-none-match", known));
        let again = lab.open(again).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers().get("etag").unwrap(), &tag);
    }
    let other = TestRequest::get().uri("/").insert_header(("if-none-match", "\"x\""));
    assert_eq!(lab.open(other).await.status(), 200);
}

#[actix_web::test]
async fn every_dashboard_file_is_served_and_used_and_none_is_loaded_from_another_host() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    let folder = format!("{}/src/dashboard", env!("CARGO_MANIFEST_DIR"));
    let mut all = lab.text("/").await;
    let mut names = Vec::new();
    for file in files_below(Path::new(&folder)) {
        let path = file.strip_prefix(&folder).unwrap();
        let (name, kind) = match path.rsplit_once('.').unwrap().1 {
            "html" => continue,
            "css" => (format!("dashboard{path}"), "text/css; charset=utf-8"),
            "js" => (path.rsplit_once('/').unwrap().1.to_owned(), "text/javascript; charset=utf-8"),
            _ => panic!("{path} has no content type"),
        };
        let path = format!("/dashboard{path}");
        let answer = lab.open(TestRequest::get().uri(&path)).await;
        let found = answer.headers().get("content-type");
        assert_eq!(found, Some(&HeaderValue::from_static(kind)), "{path}");
        all += &lab.text(&path).await;
        names.push(name);
    }
    assert!(names.len() > 10, "the files are elsewhere: {names:?}");
    for name in names {
        assert!(all.contains(&format!("{name}\"")), "no file refers to {name}");
    }
    for elsewhere in ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "url(http", "@import"] {
        assert!(!all.contains(elsewhere), "{elsewhere} loads something from another host");
    }
    let namespaces = all.matches("'http://www.w3.org/2000/svg'").count();
    assert_eq!(all.matches("://").count(), namespaces, "only names of XML namespaces have ://");
    let unknown = lab.get("/dashboard/unknown.js").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.body["error"], "Not Found");
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path.to_str().unwrap().to_owned()),
        }
    }
    files
}
