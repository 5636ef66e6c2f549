//! `COALESCE=on`: identical requests in flight share one call.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use futures::future::{join, join_all};
use resilience_testing::server::{Server, ok};
use serde_json::json;
use tokio::time::sleep;

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";
const COALESCE: (&str, &str) = ("COALESCE", "on");
const PATIENT: (&str, &str) = ("ATTEMPT_TIMEOUT", "1");
const TICK: Duration = Duration::from_millis(1);

/// A backend that answers each request with its path once the gate is open.
fn gated() -> (Server, Arc<AtomicBool>) {
    let gate = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&gate);
    let server = Server::start(move |mut peer| {
        while peer.request().is_some() {
            while !open.load(Ordering::SeqCst) {
                thread::sleep(TICK);
            }
            peer.say(ok(r#"{"status": "ok"}"#));
        }
    });
    (server, gate)
}

#[actix_web::test]
async fn identical_requests_in_flight_are_one_request_to_the_backend() {
    let (backend, gate) = gated();
    let lab = lab(config(&backend.url(), &[COALESCE, PATIENT])).await;
    let opens = async {
        while backend.requests() < 2 {
            sleep(TICK).await;
        }
        gate.store(true, Ordering::SeqCst);
    };
    let calls = join_all((0..20).map(|_| lab.get(CALL)));
    let ((answers, other), ()) = join(join(calls, lab.get("/api/test-retry")), opens).await;
    assert_eq!((backend.requests(), other.status), (2, 200));
    for answer in &answers {
        assert_eq!((answer.status, &answer.body["attempts"]), (200, &json!(1)));
        assert_eq!(answer.body["backend_response"], json!({ "status": "ok" }));
    }
    let ids: BTreeSet<_> =
        answers.iter().map(|answer| answer.body["client_request_id"].as_u64()).collect();
    assert_eq!(ids.len(), 20, "each request has a number of its own");

    let stats = lab.get("/api/stats").await.body;
    let statistics = &stats["statistics"];
    assert_eq!(statistics["total_requests"], 21);
    assert_eq!(
        (&statistics["successful_requests"], &statistics["retry_attempts"]),
        (&json!(21), &json!(0))
    );
    let coalesce = json!({ "in_flight": 0, "callers": 0, "coalesced": 19 });
    assert_eq!(stats["policies"], json!({ "coalesce": coalesce }));
    assert_eq!(lab.get("/api/circuit-breaker").await.body["counts"]["successful"], 2);
    let line = r#"client_coalesced_calls_total{name="backend"} 19"#;
    let metrics = lab.text("/metrics").await;
    assert_lines(&metrics, &[line]);
    let history = lab.get("/api/events/history?type=call").await.body;
    let events = history["events"].as_array().unwrap();
    let (shared, made): (Vec<_>, Vec<_>) =
        events.iter().partition(|event| event.get("coalesced_with").is_some());
    assert_eq!((shared.len(), made.len()), (19, 2));
    assert!(shared.iter().all(|event| event["coalesced_with"] == shared[0]["coalesced_with"]));
    assert!(shared.iter().all(|event| event["attempts"] == json!([])));
    assert!(made.iter().any(|event| event["call"] == shared[0]["coalesced_with"]));

    assert_eq!((lab.get(CALL).await.status, backend.requests()), (200, 3));
}

#[actix_web::test]
async fn the_first_caller_leaves_and_the_others_are_answered() {
    let (backend, gate) = gated();
    let lab = lab(config(&backend.url(), &[COALESCE, PATIENT])).await;
    let first_leaves = async {
        let sent = async {
            while backend.requests() == 0 {
                sleep(TICK).await;
            }
        };
        tokio::select! {
            answer = lab.get(CALL) => panic!("{answer:?}"),
            () = sent => {}
        }
        gate.store(true, Ordering::SeqCst);
    };
    let others = join_all((0..3).map(|_| lab.get(CALL)));
    let ((), others) = join(first_leaves, others).await;
    assert!(others.iter().all(|answer| answer.status == 200));
    assert_eq!(backend.requests(), 1);
    let statistics = lab.get("/api/stats").await.body["statistics"].clone();
    let counts = ["total_requests", "successful_requests", "abandoned_requests"];
    assert_eq!(counts.map(|count| statistics[count].as_u64()), [Some(4), Some(3), Some(1)]);
}

#[actix_web::test]
async fn the_stress_test_the_baseline_and_a_client_without_coalescing_share_no_calls() {
    let (backend, gate) = gated();
    gate.store(true, Ordering::SeqCst);
    let on = lab(config(&backend.url(), &[COALESCE])).await;
    on.post("/api/stress-test", r#"{"num_requests": 5, "concurrency": 5, "retry": true}"#).await;
    join_all((0..2).map(|_| on.get("/api/call-backend-without-resilience"))).await;
    assert_eq!(backend.requests(), 7);
    let stats = on.get("/api/stats").await.body;
    assert_eq!(stats["policies"]["coalesce"]["coalesced"], 0);

    let off = lab(config(&backend.url(), &[])).await;
    join_all((0..3).map(|_| off.get(CALL))).await;
    assert_eq!(backend.requests(), 10);
    assert!(!off.text("/metrics").await.contains("coalesce"));
}
