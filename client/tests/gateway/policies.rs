//! Retries, timeouts and the circuit breaker.

use std::{thread, time::Duration};

use resilience_testing::{
    http::Request,
    server::{Server, http},
};

use super::gateway::gateway;

#[test]
fn only_what_may_be_repeated_is_retried() {
    let upstream = Server::answering(http("500 Internal Server Error", "", "broken"));
    let settings = "retry_max_attempts = 2\nbreaker_fail_max = 100\n\
                    [[upstreams.u.routes]]\nmethods = [\"POST\"]\npath = \"/safe\"\nidempotent = true";
    let gateway = gateway(&upstream.url(), settings);
    for (line, headers, attempts) in [
        ("GET /upstreams/u/", "", "2"),
        ("DELETE /upstreams/u/", "", "2"),
        ("POST /upstreams/u/", "", "1"),
        ("POST /upstreams/u/", "idempotency-key: 7\r\n", "2"),
        // The upstream does not get it.
        ("POST /upstreams/u/", "idempotency-key: 7\r\nconnection: idempotency-key\r\n", "1"),
        ("POST /upstreams/u/safe", "", "2"),
        ("PATCH /upstreams/u/safe", "", "1"),
    ] {
        let answer = gateway.ask(Request::new(line).headers(headers));
        assert_eq!((answer.status, answer.text.as_str()), (500, "broken"), "{line} {headers}");
        assert_eq!(answer.header("x-resilience-attempts"), Some(attempts), "{line} {headers}");
    }
    assert_eq!(upstream.requests(), 11);
}

#[test]
fn a_body_that_is_not_held_is_sent_once_also_with_put() {
    let upstream = Server::start(|mut peer| {
        while peer.request().is_some() {
            // Time for a hedge.
            thread::sleep(Duration::from_millis(300));
            peer.say(http("503 Service Unavailable", "", "broken"));
        }
    });
    let settings = "retry_max_attempts = 2\nhedge_after = 0.05\nbreaker_fail_max = 100";
    let gateway = gateway(&upstream.url(), settings);
    let put = |size| gateway.ask(Request::new("PUT /upstreams/u/").body("x".repeat(size)));
    let streamed = put(100_000);
    assert_eq!((streamed.status, streamed.text.as_str()), (503, "broken"));
    assert_eq!(streamed.header("x-resilience-attempts"), Some("1"));
    let hedges = || gateway.metric(r#"client_hedges_total{name="u"}"#);
    assert_eq!((upstream.requests(), hedges()), (1, 0));
    // The same with a body that is held.
    assert_eq!(put(1_000).status, 503);
    assert!(upstream.requests() > 3 && hedges() > 0, "{}", upstream.requests());
}

#[test]
fn an_open_circuit_answers_503() {
    let upstream = Server::answering(http("500 Internal Server Error", "", ""));
    let gateway = gateway(&upstream.url(), "retry_max_attempts = 1\nbreaker_fail_max = 1");
    let opening = gateway.get("/upstreams/u/");
    assert_eq!((opening.status, opening.header("x-resilience-state")), (500, Some("open")));
    let refused = gateway.get("/upstreams/u/");
    refused.assert_error(503, "Service Unavailable", "open");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=40).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-resilience-attempts"), Some("0"));
    assert_eq!(refused.header("x-resilience-state"), Some("open"));
    assert_eq!(upstream.requests(), 1);
}

#[test]
fn an_upstream_that_is_silent_is_a_504_and_one_that_is_not_there_a_502() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        peer.hold();
    });
    let settings = "retry_max_attempts = 1\nattempt_timeout = 0.3\nconnect_timeout = 0.2";
    let answer = gateway(&upstream.url(), settings).get("/upstreams/u/");
    answer.assert_error(504, "Gateway Timeout", "upstream u timed out");
    let answer = gateway("http://127.0.0.1:1", settings).get("/upstreams/u/");
    answer.assert_error(502, "Bad Gateway", "upstream u: unreachable");
}
