//! Events of all upstreams, and of one.

use std::{future::poll_fn, pin::Pin};

use actix_web::{body::MessageBody, test::TestRequest};
use serde_json::Value;

use crate::{fail, support::lab, with_file};

const FILE: &str = r#"
[upstreams.p]
url = "http://p"
breaker_fail_max = 1
[upstreams.q]
url = "http://q"
breaker_fail_max = 1
"#;

/// Number, upstream and type of each event.
fn seen(history: &Value) -> Vec<(u64, &str, &str)> {
    let events = history["events"].as_array().unwrap().iter();
    events
        .map(|event| {
            let text = |key: &str| event[key].as_str().unwrap();
            (event["sequence"].as_u64().unwrap(), text("breaker"), text("type"))
        })
        .collect()
}

#[actix_web::test]
async fn events_of_all_upstreams_have_one_numbering_and_their_upstream_s_name() {
    let lab = lab(with_file(FILE, &[])).await;
    fail(&lab.gateway.find("p").unwrap(), 1).await;
    lab.post("/api/circuit-breaker/force-open", "").await;
    fail(&lab.gateway.find("q").unwrap(), 1).await;
    let history = lab.get("/api/events/history").await.body;
    let expected = [
        (1, "p", "transition"),
        (2, "backend", "mode"),
        (3, "backend", "transition"),
        (4, "q", "transition"),
    ];
    assert_eq!((seen(&history), &history["newest"]), (expected.to_vec(), &4.into()));
    for (query, numbers) in [
        ("upstream=q", &[4][..]),
        ("upstream=backend", &[2, 3]),
        ("upstream=backend&type=transition", &[3]),
        ("upstream=p&type=mode", &[]),
    ] {
        let some = lab.get(&format!("/api/events/history?{query}")).await.body;
        assert_eq!(seen(&some).iter().map(|event| event.0).collect::<Vec<_>>(), numbers, "{query}");
    }
}

#[actix_web::test]
async fn a_stream_of_one_upstream_begins_with_its_circuit_and_has_its_events_alone() {
    let lab = lab(with_file(FILE, &[])).await;
    fail(&lab.gateway.find("p").unwrap(), 1).await;
    let request = TestRequest::get().uri("/api/events?upstream=p&type=transition,mode");
    let mut body = Box::pin(lab.open(request).await.into_body());
    let mut next = async || {
        let piece = poll_fn(|cx| Pin::as_mut(&mut body).poll_next(cx)).await.unwrap().unwrap();
        String::from_utf8(piece.to_vec()).unwrap()
    };
    let hello = next().await;
    let circuit = lab.get("/api/upstreams/p").await.body;
    assert!(hello.contains("\"state\":\"open\"") && circuit["state"] == "open", "{hello}");
    fail(&lab.gateway.find("q").unwrap(), 1).await;
    lab.post("/api/upstreams/p/reset", "").await;
    let piece = next().await;
    // The reset itself is the event before.
    assert!(piece.starts_with("id: 4-") && piece.contains("\"breaker\":\"p\""), "{piece}");
    assert!(!piece.contains("\"breaker\":\"q\"") && !piece.contains("event: reset"), "{piece}");
}

#[actix_web::test]
async fn an_unknown_upstream_and_an_invalid_query_are_refused() {
    let lab = lab(with_file(FILE, &[])).await;
    for (path, status, says) in [
        ("/api/events?upstream=r", 404, "no upstream has this name"),
        ("/api/events/history?upstream=r", 404, "no upstream has this name"),
        ("/api/events?upstream=p&upstream=q", 400, "twice"),
        ("/api/events?type=bang", 400, "expected transition"),
        ("/api/events?limit=5", 400, "limit is for /api/events/history"),
        ("/api/events?upstreams=p", 400, "unknown"),
    ] {
        let answer = lab.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(says), "{path}: {message}");
    }
}
