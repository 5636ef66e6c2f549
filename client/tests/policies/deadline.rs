//! `X-Request-Deadline`: the caller's remaining time bounds the call, and what is left of it travels to the backend.

use std::{thread::sleep, time::Duration};

use actix_web::test::TestRequest;
use futures::future::join_all;
use resilience_testing::server::{Server, http, ok};
use serde_json::json;

use crate::support::{config, lab};

const HEADER: &str = "X-Request-Deadline";
const CALL: &str = "/api/call-backend";
const ENDPOINTS: [&str; 3] = [CALL, "/api/call-backend-without-resilience", "/api/test-retry"];
const ONE_FAILURE_OPENS: (&str, &str) = ("BREAKER_FAIL_MAX", "1");

fn within(path: &str, seconds: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header((HEADER, seconds))
}

/// The deadline in a request to the backend.
fn deadline(head: &str) -> Option<f64> {
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(HEADER).then_some(value)
    });
    value.map(|value| value.trim().parse().unwrap())
}

/// A backend that reads requests and answers none.
fn silent() -> Server {
    Server::start(|mut peer| while peer.request().is_some() {})
}

#[actix_web::test]
async fn each_attempt_sends_what_is_left_of_the_deadline() {
    let backend = Server::answering(http("500 Broken", "", "{}"));
    let lab = lab(config(&backend.url(), &[])).await;
    for path in ENDPOINTS {
        backend.forget();
        assert_eq!(lab.send(within(path, "5")).await.status, 500);
        let sent: Vec<_> = backend.heads().iter().map(|head| deadline(head).unwrap()).collect();
        assert!(sent[0] > 0.0 && sent[0] <= 5.0, "{sent:?}");
        if path.ends_with("without-resilience") {
            assert_eq!(sent.len(), 1);
        } else {
            assert!(sent.len() == 2 && sent[1] <= sent[0] - 0.01, "{sent:?}: a wait of 10 ms");
        }
    }
    // `CALL_DEADLINE` is 10.
    backend.forget();
    lab.send(within(CALL, "60")).await;
    assert!(deadline(&backend.heads()[0]).unwrap() <= 10.0);
}

#[actix_web::test]
async fn without_the_header_none_is_sent() {
    let backend = Server::answering(ok("{}"));
    let lab = lab(config(&backend.url(), &[])).await;
    for path in ENDPOINTS {
        assert_eq!(lab.get(path).await.status, 200);
    }
    let sent: Vec<_> = backend.heads().iter().map(|head| deadline(head)).collect();
    assert_eq!(sent, [None; 3]);
    let history = lab.get("/api/events/history?type=call").await.body;
    assert!(history["events"][0].get("deadline_seconds").is_none(), "{history}");
}

#[actix_web::test]
async fn a_call_ends_at_the_deadline_of_its_caller_and_the_circuit_stays_closed() {
    let backend = silent();
    let patient = ("ATTEMPT_TIMEOUT", "9");
    let lease = ("BREAKER_TRIAL_LEASE", "10");
    let lab = lab(config(&backend.url(), &[ONE_FAILURE_OPENS, patient, lease])).await;
    for path in ENDPOINTS {
        let answer = lab.send(within(path, "0.1")).await;
        assert_eq!(answer.status, 504, "{answer:?}");
        let history = lab.get("/api/events/history?type=call").await.body;
        assert_eq!(history["events"][0]["deadline_seconds"], 0.1, "{history}");
        let elapsed = answer.body["elapsed_time_seconds"].as_f64().unwrap();
        assert!((0.1..9.0).contains(&elapsed), "{elapsed}");
        assert!(answer.text.contains("the call's deadline of 0.100s passed"), "{answer:?}");
    }
    assert_eq!(lab.get("/api/stats").await.body["circuit_breaker"]["state"], "closed");
    assert_eq!(backend.requests(), 3);
}

#[actix_web::test]
async fn a_backend_that_gives_up_at_the_deadline_has_not_failed() {
    let backend = Server::start(|mut peer| {
        while let Some(head) = peer.request() {
            sleep(Duration::from_secs_f64(deadline(&head).unwrap()));
            peer.say(http("504 Gateway Timeout", "", "{}"));
        }
    });
    let lab = lab(config(&backend.url(), &[ONE_FAILURE_OPENS])).await;
    let answers = join_all((0..10).map(|_| lab.send(within(CALL, "0.3")))).await;
    assert!(answers.iter().all(|answer| answer.status == 504), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.body["attempts"] == json!(1)), "{answers:?}");
    assert_eq!(lab.get("/api/stats").await.body["circuit_breaker"]["state"], "closed");
}

#[actix_web::test]
async fn a_deadline_that_is_none_is_a_bad_request() {
    let backend = Server::answering(ok("{}"));
    let lab = lab(config(&backend.url(), &[])).await;
    for path in ENDPOINTS {
        for value in ["", "0", "-1", "soon", "2592001"] {
            let refused = lab.send(within(path, value)).await;
            let message = format!(
                "X-Request-Deadline is {value:?}, but must be given once, as a decimal number of seconds, more than \
                 0 and at most 2592000"
            );
            refused.assert_error(400, "Bad Request", &message);
        }
    }
    assert_eq!(backend.requests(), 0);
}

#[actix_web::test]
async fn calls_with_a_deadline_of_their_own_are_not_shared() {
    let backend = Server::answering(ok("{}"));
    let lab = lab(config(&backend.url(), &[("COALESCE", "on")])).await;
    join_all((0..3).map(|_| lab.send(within(CALL, "5")))).await;
    assert_eq!(backend.requests(), 3);
    let stats = lab.get("/api/stats").await.body;
    assert_eq!(stats["policies"]["coalesce"]["coalesced"], 0);
}
