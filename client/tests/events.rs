//! The event log over HTTP: the stream, the history, and the end of both.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{pin::Pin, time::Duration};

use actix_web::{
    HttpResponse,
    body::{BoxBody, MessageBody},
    http::Method,
    test::TestRequest,
};
use resilience_testing::{
    PATIENCE,
    server::{Peer, Server, http, ok},
    until_async,
};
use serde_json::Value;
use support::{config, lab};

const CALL: &str = "/api/call-backend";
const EVENTS: &str = "/api/events";

/// A stream's pieces, until it ends.
struct Pieces(Pin<Box<BoxBody>>);

impl Pieces {
    fn of(response: HttpResponse) -> Self {
        assert_eq!(response.status(), 200);
        Self(Box::pin(response.into_body()))
    }

    async fn next(&mut self) -> Option<String> {
        let piece = std::future::poll_fn(|cx| self.0.as_mut().poll_next(cx));
        let piece = tokio::time::timeout(Duration::from_secs(10), piece).await.unwrap()?;
        Some(String::from_utf8(piece.unwrap().to_vec()).unwrap())
    }
}

fn reader() -> TestRequest {
    TestRequest::get().uri(EVENTS)
}

fn data(piece: &str) -> Vec<Value> {
    let lines = piece.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(|json| serde_json::from_str(json).unwrap()).collect()
}

#[actix_web::test]
async fn a_stream_begins_with_the_current_state_and_continues_with_events() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[("HOSTNAME", "client-0")])).await;
    lab.get(CALL).await;
    let response = lab.open(reader()).await;
    for (header, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(response.headers().get(header).unwrap(), value);
    }
    let mut pieces = Pieces::of(response);
    let first = pieces.next().await.unwrap();
    assert!(first.starts_with("retry: 1000\n\nevent: hello\ndata: {"), "{first}");
    let hello = &data(&first)[0];
    assert_eq!((&hello["sequence"], &hello["pod"]), (&1.into(), &"client-0".into()));
    assert_eq!(hello["circuit_breaker"], lab.get("/api/circuit-breaker").await.body);

    lab.get(CALL).await;
    let piece = pieces.next().await.unwrap();
    let (id, rest) = piece.split_once('\n').unwrap();
    assert!(id.starts_with("id: 2-") && rest.starts_with("event: call\ndata: {"), "{piece}");
    let event = &data(&piece)[0];
    for (key, value) in [
        ("breaker", "backend"),
        ("outcome", "success"),
        ("protection", "full"),
        ("endpoint", "call-backend"),
        ("circuit_breaker_state", "closed"),
    ] {
        assert_eq!(event[key], value, "{event}");
    }
    assert_eq!(
        (&event["status"], &event["attempts"][0]["status_code"]),
        (&200.into(), &200.into())
    );
}

#[actix_web::test]
async fn a_resumed_stream_has_the_missed_events_and_no_hello() {
    let upstream = Server::answering(ok("{}"));
    let lab = lab(config(&upstream.url(), &[])).await;
    for _ in 0..3 {
        lab.get(CALL).await;
    }
    let (mut last, mut expected) = ("1".to_owned(), vec![2, 3]);
    // By number, as one does by hand, and then by what came with the event.
    while !expected.is_empty() {
        let back = reader().insert_header(("Last-Event-ID", last.as_str()));
        let mut pieces = Pieces::of(lab.open(back).await);
        assert_eq!(pieces.next().await.unwrap(), "retry: 1000\n\n");
        let piece = pieces.next().await.unwrap();
        let missed = data(&piece);
        let missed: Vec<_> =
            missed.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
        assert_eq!(missed, expected);
        last = piece.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
        expected.remove(0);
    }
}

#[actix_web::test]
async fn a_stream_resumed_after_a_restart_starts_with_hello() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    lab.get(CALL).await;
    lab.get(CALL).await;
    // Also if there have been as many events again.
    for last in ["12345", "12345-0123abcd", "1-0123abcd"] {
        let back = reader().insert_header(("Last-Event-ID", last));
        let first = Pieces::of(lab.open(back).await).next().await.unwrap();
        assert!(first.contains("event: hello\n"), "{last}: {first}");
    }
}

#[actix_web::test]
async fn an_invalid_id_is_refused() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    for bad in [
        "",
        "x",
        "-1",
        "1.5",
        "+1",
        "0x1",
        "99999999999999999999",
        "1,2",
        "1-",
        "1-x",
        "-0123abcd",
        "1-+123abcd",
        "1-0123abcd-",
    ] {
        let answer = lab.send(reader().insert_header(("Last-Event-ID", bad))).await;
        assert_eq!(answer.status, 400, "{bad:?}");
        assert!(answer.body["message"].as_str().unwrap().contains("Last-Event-ID"));
    }
}

#[actix_web::test]
async fn the_number_of_streams_is_limited_and_an_ended_stream_frees_its_place() {
    let lab = lab(config("http://127.0.0.1:1", &[("MAX_EVENT_STREAMS", "2")])).await;
    let first = lab.open(reader()).await;
    let _second = lab.open(reader()).await;
    let refused = lab.get(EVENTS).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    let head = lab.open(reader().method(Method::HEAD)).await;
    assert_eq!(head.status(), 200, "it opens no stream");
    drop(first);
    assert_eq!(lab.open(reader()).await.status(), 200);
}

#[actix_web::test]
async fn the_shutdown_of_the_service_ends_the_streams() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    let mut pieces = Pieces::of(lab.open(reader()).await);
    pieces.next().await.unwrap();
    lab.drain.begin();
    assert_eq!(pieces.next().await, None);
}

#[actix_web::test]
async fn history_returns_the_last_events_of_the_requested_types() {
    let upstream = Server::answering(http("500 Oops", "", "{}"));
    let lab = lab(config(&upstream.url(), &[("BREAKER_FAIL_MAX", "1")])).await;
    lab.get(CALL).await;
    lab.post("/api/circuit-breaker/reset", "").await;
    let all = lab.get("/api/events/history").await;
    assert_eq!(all.status, 200);
    let types = |body: &Value| -> Vec<String> {
        let events = body["events"].as_array().unwrap();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let known = types(&all.body);
    for of in ["retry", "transition", "call", "reset"] {
        assert!(known.iter().any(|known| known == of), "{of}: {known:?}");
    }
    assert_eq!((&all.body["oldest"], &all.body["newest"]), (&1.into(), &known.len().into()));

    for query in ["?type=transition,reset", "?type=transition&type=reset&limit=1000"] {
        let some = types(&lab.get(&format!("/api/events/history{query}")).await.body);
        assert_eq!(some.iter().filter(|of| *of == "transition").count(), 2, "{query}: {some:?}");
        assert!(some.iter().all(|of| of == "transition" || of == "reset"), "{query}: {some:?}");
    }
    let last = lab.get("/api/events/history?limit=1").await.body;
    assert_eq!(last["events"].as_array().unwrap().len(), 1);
    assert_eq!(last["events"][0]["sequence"], last["newest"]);
}

#[actix_web::test]
async fn an_invalid_query_is_refused() {
    let lab = lab(config("http://127.0.0.1:1", &[])).await;
    for (query, says) in [
        ("limit=0", "limit = 0 is not valid"),
        ("limit=1001", "1 to 1000"),
        ("limit=ten", "limit = ten"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "twice"),
        ("type=bang", "expected transition, rejection-burst"),
        ("type=", "type"),
        ("type=call,,reset", "type"),
        ("types=call", "unknown"),
    ] {
        let answer = lab.get(&format!("/api/events/history?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(says), "{query}: {message}");
    }
}

#[actix_web::test]
async fn a_call_whose_caller_left_is_abandoned() {
    let upstream = Server::start(Peer::hold);
    let lab = lab(config(&upstream.url(), &[])).await;
    let left = tokio::time::timeout(Duration::from_millis(100), lab.get(CALL)).await;
    assert!(left.is_err());
    until_async("the call is recorded", PATIENCE, async || {
        let history = lab.get("/api/events/history?type=call").await.body;
        let event = &history["events"][0];
        event["outcome"] == "abandoned" && event["status"].is_null() && event["call"].is_u64()
    })
    .await;
}
