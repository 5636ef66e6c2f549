//! The fault plans of the backend's replicas: asked for rarely, changed one after the other.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use actix_web::test::TestRequest;
use resilience_testing::server::{Server, ok};

use crate::{
    FAULTS,
    support::{config, lab},
};

#[actix_web::test]
async fn many_readers_of_the_plans_cause_few_requests_to_the_replicas() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        thread::sleep(Duration::from_millis(50));
        peer.say(ok("{\"failure_rate\": 0}"));
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    let answers = futures::future::join_all((0..500).map(|_| lab.get(FAULTS))).await;
    assert!(answers.iter().all(|answer| answer.body["replicas"][0]["plan"]["failure_rate"] == 0));
    assert!(upstream.requests() <= 2, "{} for 500 callers", upstream.requests());
}

/// A backend that takes some time over each plan, and keeps what was begun and ended.
fn slow_to_change() -> (Server, Arc<Mutex<Vec<&'static str>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let upstream = Server::start(move |mut peer| {
        peer.request();
        kept.lock().unwrap().push("begins");
        thread::sleep(Duration::from_millis(20));
        kept.lock().unwrap().push("ends");
        peer.say(ok("{}"));
    });
    (upstream, seen)
}

#[actix_web::test]
async fn plans_reach_the_replicas_one_at_a_time_even_if_their_caller_leaves() {
    let (upstream, seen) = slow_to_change();
    let lab = lab(config(&upstream.url(), &[])).await;
    let put = || lab.send(TestRequest::put().uri(FAULTS).set_payload("{}"));
    let mut leaving = Box::pin(put());
    while seen.lock().unwrap().is_empty() {
        assert!(futures::poll!(&mut leaving).is_pending());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(leaving);
    let answers = futures::future::join_all((0..5).map(|_| put())).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let expected: Vec<_> = (0..6).flat_map(|_| ["begins", "ends"]).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[actix_web::test]
async fn a_null_plan_is_an_error_and_an_empty_body_restores_the_plan() {
    let upstream = Server::start(|mut peer| {
        let head = peer.request().unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        peer.say(ok(&format!("{{\"length\": {length}}}")));
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    for (sent, length) in [("", 2), ("{}", 2), ("null", 4)] {
        let answer = lab.send(TestRequest::put().uri(FAULTS).set_payload(sent)).await;
        // The backend says what is wrong with a plan: it must get what was sent.
        assert_eq!(answer.body["replicas"][0]["plan"]["length"], length, "{sent:?}");
    }
}
