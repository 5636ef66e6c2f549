//! The connections that calls use. The rows make one call each and cannot show this.

use std::{
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use resilience_actors::State;
use resilience_testing::{
    PATIENCE,
    server::{Gate, Server, http, ok},
    until_async,
};

use super::support::{self, config, lab};

#[actix_web::test]
async fn each_concurrent_call_has_its_own_connection_and_none_waits() {
    // awc's pool has 100 places by default.
    let all_calls = Barrier::new(150);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        all_calls.wait();
        peer.say(ok("{}"));
    });
    let settings = [("ATTEMPT_TIMEOUT", "5"), ("BREAKER_TRIAL_LEASE", "5")];
    let lab = lab(config(&upstream.url(), &settings)).await;
    let calls = (0..150).map(|_| lab.get("/api/call-backend"));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| (answer.status, answer.number("attempts")) == (200, 1)));
}

#[actix_web::test]
async fn connections_are_reused_and_one_that_the_backend_closed_causes_no_failure() {
    // Each connection serves two requests, and closes when the third arrives.
    let upstream = Server::start(|mut peer| {
        for _ in 0..2 {
            peer.request();
            peer.say(ok("{}"));
        }
        peer.request();
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    for call in 1..=20 {
        let answer = lab.get("/api/call-backend").await;
        assert_eq!((answer.status, answer.number("attempts")), (200, 1), "call {call}");
    }
    let breaker = lab.breaker().await;
    assert_eq!((breaker.state, breaker.fail_counter), (State::Closed, 0));
    assert!(upstream.connections() < 20, "{} connections", upstream.connections());
}

#[actix_web::test]
async fn a_repeat_uses_a_fresh_connection_because_all_pooled_ones_may_be_stale() {
    // Four connections are opened at the same time. Each closes when its second request arrives.
    let together = Barrier::new(4);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        if peer.number() <= 4 {
            together.wait();
        }
        peer.say(ok("{}"));
        peer.request();
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    let first = futures::future::join_all((0..4).map(|_| lab.get("/api/call-backend"))).await;
    assert!(first.iter().all(|answer| answer.status == 200));
    let answer = lab.get("/api/call-backend").await;
    assert_eq!((answer.status, answer.number("attempts")), (200, 1));
    assert_eq!((upstream.connections(), upstream.requests()), (5, 6));
}

#[actix_web::test]
async fn a_body_that_comes_late_after_an_answer_without_one_reaches_no_other_attempt() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        if peer.number() == 1 {
            peer.say("HTTP/1.1 204 No Content\r\n\r\n");
            peer.request();
            peer.say(ok("\"late\""));
        }
        peer.say(ok("{}"));
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.get("/api/call-backend").await;
    assert_eq!((answer.status, answer.number("attempts")), (200, 2), "the 204 is unusable");
    assert_eq!(answer.body["backend_response"], serde_json::json!({}));
}

/// Case 26: kept connections that all fall silent cost a call one attempt in all, not one attempt for each connection.
#[actix_web::test]
async fn twenty_kept_connections_that_fall_silent_cost_one_attempt() {
    let together = Barrier::new(20);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        if peer.number() <= 20 {
            together.wait();
            peer.say(ok("{}"));
            return peer.hold();
        }
        peer.say(ok("{}"));
        while peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    let filled = futures::future::join_all((0..20).map(|_| lab.get("/api/call-backend"))).await;
    assert!(filled.iter().all(|answer| answer.status == 200));
    let answer = lab.get("/api/call-backend").await;
    assert_eq!((answer.status, answer.number("attempts")), (200, 2));
    // The others are closed: no later call takes one of them, with or without resilience.
    for path in ["/api/call-backend", "/api/call-backend-without-resilience"].repeat(3) {
        assert_eq!(lab.get(path).await.status, 200, "{path}");
    }
    assert_eq!(lab.breaker().await.fail_counter, 0);
    assert_eq!(upstream.connections(), 22, "one for the retry, one for all calls after it");
}

#[actix_web::test]
async fn a_timeout_leaves_connections_in_use_open() {
    // Of two concurrent requests the first is never answered. The second is answered when the first has timed out.
    let timed_out = Arc::new(Gate::default());
    let told = timed_out.clone();
    let upstream = Server::start(move |mut peer| {
        peer.request();
        if peer.number() == 1 {
            return peer.hold();
        }
        told.pass();
        peer.say(ok("{}"));
        while peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    let settings = [("ATTEMPT_TIMEOUT", "3"), ("BREAKER_TRIAL_LEASE", "3")];
    let lab = lab(config(&upstream.url(), &settings)).await;
    let first = async {
        let answer = lab.get("/api/call-backend-without-resilience").await;
        assert_eq!(upstream.requests(), 2, "the second is in use when the first times out");
        timed_out.set(true);
        answer.status
    };
    let second = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        lab.get("/api/call-backend-without-resilience").await.status
    };
    let (first, second) = futures::join!(first, second);
    assert_eq!((first, second), (504, 200));
    assert_eq!(lab.get("/api/call-backend").await.status, 200);
    assert_eq!(upstream.connections(), 2, "the second connection is kept");
}

#[actix_web::test]
async fn one_of_two_backends_behind_one_name_is_dead_and_no_call_fails() {
    // As with kube-proxy, each connection goes to one of two backends, and every second one is refused. The live
    // backend keeps no connections, so each call needs a new one.
    let upstream = Server::start(|mut peer| {
        if peer.number() % 2 == 1 {
            return peer.reset();
        }
        peer.request();
        peer.say(http("200 OK", "connection: close\r\n", "{}"));
    });
    let lab = lab(config(&upstream.url(), &[])).await;
    for call in 1..=50 {
        let answer = lab.get("/api/call-backend").await;
        assert_eq!((answer.status, answer.number("attempts")), (200, 1), "call {call}");
    }
    let breaker = lab.breaker().await;
    assert_eq!((breaker.state, breaker.fail_counter), (State::Closed, 0));
    assert_eq!((upstream.connections(), upstream.requests()), (100, 50));
}

#[actix_web::test]
async fn idle_connections_that_the_backend_closed_are_not_used() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        peer.say(ok("{}"));
    });
    let lab = lab(config(&upstream.url(), &[("CONNECT_RETRIES", "0")])).await;
    for _ in 0..5 {
        let answer = lab.get("/api/call-backend").await;
        assert_eq!((answer.status, answer.number("attempts")), (200, 1));
        // Let the close arrive.
        until_async("the backend has closed", PATIENCE, async || upstream.open() == 0).await;
        support::settle_io().await;
    }
    assert_eq!(lab.breaker().await.fail_counter, 0);
}

#[actix_web::test]
async fn a_name_that_cannot_be_resolved_is_unreachable_at_once() {
    let lab = lab(config("http://does-not-exist.invalid:5000", &[])).await;
    let start = Instant::now();
    let answer = lab.get("/api/call-backend").await;
    assert!(start.elapsed().as_secs_f64() < 2.0, "{:?}", start.elapsed());
    assert_eq!((answer.status, answer.number("attempts")), (502, 2));
    let message = answer.body["backend_response"]["message"].as_str().unwrap();
    assert!(message.contains("cannot resolve"), "{message}");
    assert_eq!(lab.breaker().await.fail_counter, 2);
    let answer = lab.get("/api/call-backend-without-resilience").await;
    assert_eq!((answer.status, &answer.body["error"]), (502, &"Bad Gateway".into()));
}
