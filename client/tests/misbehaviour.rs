//! Backends that misbehave on the wire: what the caller gets, what the breaker learns, and that no
//! call receives another call's answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use std::{rc::Rc, time::Instant};

use resilience_actors::State;
use support::{Answer, Connection, Upstream, config, http, lab, ok};

/// One call in front of `script`: its answer, and the breaker's count after it.
async fn call<F>(script: impl Fn(Connection) -> F + 'static) -> (Answer, u32)
where
    F: Future<Output = ()> + 'static,
{
    let upstream = Upstream::start(script).await;
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.get("/api/call-backend").await;
    (answer, lab.breaker().await.fail_counter)
}

/// One call in front of a backend that says `answer`, and goes on to the next request.
async fn call_saying(answer: &str) -> (Answer, u32) {
    let answer: Rc<str> = answer.into();
    call(move |mut connection| {
        let answer = answer.clone();
        async move {
            while connection.request().await {
                connection.say(&answer).await;
            }
        }
    })
    .await
}

#[track_caller]
fn assert_answer((answer, fail_counter): &(Answer, u32), expected: (u16, u64, u32), says: &str) {
    let seen = (answer.status.as_u16(), answer.attempts(), *fail_counter);
    assert_eq!(seen, expected, "(status, attempts, fail counter) of {answer:?}");
    let message = answer.body["backend_response"]["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
}

#[actix_web::test]
async fn a_backend_that_hangs_is_a_timeout_that_counts_once_per_call() {
    let seen = call(Connection::hold).await;
    assert_answer(&seen, (504, 2, 1), "no answer within 0.400s");
}

#[actix_web::test]
async fn a_backend_that_stalls_in_the_body_is_a_timeout() {
    let seen = call(async |mut connection| {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":").await;
        connection.hold().await;
    })
    .await;
    assert_answer(&seen, (504, 2, 1), "no answer within 0.400s");
}

#[actix_web::test]
async fn a_reset_in_the_body_is_unusable() {
    let seen = call(async |mut connection| {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":").await;
        connection.reset();
    })
    .await;
    assert_eq!((seen.0.status.as_u16(), seen.0.attempts(), seen.1), (502, 2, 1));
}

#[actix_web::test]
async fn a_body_that_ends_before_its_length_is_unusable_even_where_it_is_json() {
    let seen = call(async |mut connection| {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}").await;
    })
    .await;
    assert_answer(&seen, (502, 2, 1), "body cut off after 2 of 100 bytes");
}

#[actix_web::test]
async fn a_chunked_body_that_is_cut_off_is_unusable() {
    let seen = call(async |mut connection| {
        connection.request().await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        connection.say(&format!("{head}5\r\n{{\"a\":\r\n")).await;
    })
    .await;
    assert_answer(&seen, (502, 2, 1), "body is not JSON");
}

#[actix_web::test]
async fn malformed_chunks_are_unusable() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let seen = call_saying(&format!("{head}zz\r\n{{}}\r\n0\r\n\r\n")).await;
    assert_answer(&seen, (502, 2, 1), "body cut off");
}

#[actix_web::test]
async fn a_body_without_end_is_unusable_at_the_limit() {
    let seen = call(async |mut connection| {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
        for _ in 0..1000 {
            connection.say(&chunk).await;
        }
        connection.hold().await;
    })
    .await;
    assert_answer(&seen, (502, 2, 1), "body larger than 10000 bytes");
}

#[actix_web::test]
async fn a_body_whose_length_is_over_the_limit_is_not_even_read() {
    let seen = call_saying("HTTP/1.1 200 OK\r\ncontent-length: 10001\r\n\r\n").await;
    assert_answer(&seen, (502, 2, 1), "body larger than 10000 bytes");
}

#[actix_web::test]
async fn garbage_instead_of_a_head_is_unusable() {
    assert_answer(&call_saying("garbage\r\n\r\n").await, (502, 2, 1), "malformed head");
}

#[actix_web::test]
async fn a_head_that_is_cut_off_is_unusable() {
    let seen = call(async |mut connection| {
        connection.request().await;
        connection.say("HTTP/1.1 200 O").await;
    })
    .await;
    assert_answer(&seen, (502, 2, 1), "malformed head");
}

#[actix_web::test]
async fn a_head_without_end_is_unusable() {
    let seen = call(async |mut connection| {
        connection.request().await;
        connection.say("HTTP/1.1 200 OK\r\n").await;
        let header = format!("x: {}\r\n", "x".repeat(1024));
        for _ in 0..1000 {
            connection.say(&header).await;
        }
        connection.hold().await;
    })
    .await;
    assert_answer(&seen, (502, 2, 1), "malformed head");
}

#[actix_web::test]
async fn a_success_that_is_not_json_is_unusable() {
    let html = http("200 OK", "content-type: text/html\r\n", "<html>");
    assert_answer(&call_saying(&html).await, (502, 2, 1), "body is not JSON");
    let nothing = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_answer(&call_saying(nothing).await, (502, 2, 1), "no body");
}

#[actix_web::test]
async fn a_failure_that_is_not_json_stays_that_failure() {
    let html = http("500 Internal Server Error", "content-type: text/html\r\n", "<html>");
    assert_answer(&call_saying(&html).await, (500, 2, 1), "the backend's body is not JSON");
    let html = http("404 Not Found", "content-type: text/html\r\n", "<html>");
    assert_answer(&call_saying(&html).await, (404, 1, 0), "the backend's body is not JSON");
}

#[actix_web::test]
async fn a_redirect_is_a_failure_and_is_neither_followed_nor_retried() {
    let upstream = Upstream::saying(http("302 Found", "location: /elsewhere\r\n", "{}")).await;
    let lab = lab(config(&upstream.url(), &[])).await;
    let answer = lab.get("/api/call-backend").await;
    let fail_counter = lab.breaker().await.fail_counter;
    assert_answer(&(answer, fail_counter), (502, 1, 1), "redirect, status 302");
    assert_eq!(upstream.requests(), 1);
}

#[actix_web::test]
async fn not_implemented_is_one_attempt_and_a_failure() {
    let answer = http("501 Not Implemented", "", r#"{"message": "never"}"#);
    assert_answer(&call_saying(&answer).await, (501, 1, 1), "never");
}

#[actix_web::test]
async fn an_http_1_0_backend_is_understood() {
    let (answer, fail_counter) = call(async |mut connection| {
        connection.request().await;
        connection.say("HTTP/1.0 200 OK\r\n\r\n{\"old\": true}").await;
    })
    .await;
    assert_eq!((answer.status.as_u16(), fail_counter), (200, 0));
    assert_eq!(answer.body["backend_response"]["old"], true);
}

#[actix_web::test]
async fn closed_before_a_byte_is_unreachable_and_counts_at_each_attempt() {
    let seen = call(async |mut connection| {
        connection.request().await;
    })
    .await;
    assert_answer(&seen, (502, 2, 2), "closed before a byte");
    let seen = call(async |mut connection| {
        connection.request().await;
        connection.reset();
    })
    .await;
    assert_answer(&seen, (502, 2, 2), "connection reset");
}

/// Heads after which awc puts the connection back although more may come on it.
const HEADS_WITH_MORE_TO_COME: [&str; 6] = [
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n",
    "HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\ncontent-length: 2\r\n\r\n",
    "HTTP/1.1 500 Oops\r\ntransfer-encoding: identity\r\n\r\n",
];

#[actix_web::test]
async fn no_call_receives_what_follows_the_answer_of_another() {
    for head in HEADS_WITH_MORE_TO_COME {
        // What follows comes at once, or when the next request is on its way.
        for at_once in [true, false] {
            let upstream = Upstream::start(move |mut connection| async move {
                connection.request().await;
                connection.say(head).await;
                if at_once || connection.request().await {
                    connection.say(&ok("{\"stale\": true}")).await;
                }
                connection.hold().await;
            })
            .await;
            let lab = lab(config(&upstream.url(), &[("RETRY_MAX_ATTEMPTS", "1")])).await;
            for _ in 0..3 {
                let answer = lab.get("/api/call-backend").await;
                assert_ne!(answer.status, 200, "{head:?}: {answer:?}");
            }
            assert_eq!(upstream.connections(), 3, "{head:?}: each on a connection of its own");
        }
    }
}

#[actix_web::test]
async fn a_1xx_or_a_body_without_length_is_unusable() {
    let answer = "HTTP/1.1 103 Early Hints\r\n\r\n";
    assert_answer(&call_saying(answer).await, (502, 2, 1), "unexpected status 103");
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}";
    assert_answer(&call_saying(answer).await, (502, 2, 1), "without a length");
}

#[actix_web::test]
async fn as_many_connections_as_calls_are_made_and_none_waits_for_another() {
    // awc's pool has 100 places by default.
    let everybody = Rc::new(tokio::sync::Barrier::new(150));
    let upstream = Upstream::start(move |mut connection| {
        let everybody = everybody.clone();
        async move {
            connection.request().await;
            everybody.wait().await;
            connection.say(&ok("{}")).await;
        }
    })
    .await;
    let settings = [("ATTEMPT_TIMEOUT", "5"), ("BREAKER_TRIAL_LEASE", "5")];
    let lab = lab(config(&upstream.url(), &settings)).await;
    let calls = (0..150).map(|_| lab.get("/api/call-backend"));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| (answer.status.as_u16(), answer.attempts()) == (200, 1)));
}

#[actix_web::test]
async fn connections_are_kept_and_one_that_the_backend_closed_costs_nobody_a_failure() {
    // Each connection serves two requests, and closes when the third is on its way.
    let upstream = Upstream::start(async |mut connection| {
        for _ in 0..2 {
            connection.request().await;
            connection.say(&ok("{}")).await;
        }
        connection.request().await;
    })
    .await;
    let lab = lab(config(&upstream.url(), &[])).await;
    for call in 1..=20 {
        let answer = lab.get("/api/call-backend").await;
        assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 1), "call {call}");
    }
    let breaker = lab.breaker().await;
    assert_eq!((breaker.state, breaker.fail_counter), (State::Closed, 0));
    assert!(upstream.connections() < 20, "{} connections", upstream.connections());
}

#[actix_web::test]
async fn a_repeat_uses_no_other_connection_of_the_pool_since_all_may_be_stale() {
    // Four connections come to be at the same time; each closes when its second request comes.
    let together = Rc::new(tokio::sync::Barrier::new(4));
    let upstream = Upstream::start(move |mut connection| {
        let together = together.clone();
        async move {
            connection.request().await;
            if connection.number <= 4 {
                together.wait().await;
            }
            connection.say(&ok("{}")).await;
            connection.request().await;
        }
    })
    .await;
    let lab = lab(config(&upstream.url(), &[])).await;
    let first = futures::future::join_all((0..4).map(|_| lab.get("/api/call-backend"))).await;
    assert!(first.iter().all(|answer| answer.status == 200));
    let answer = lab.get("/api/call-backend").await;
    assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 1));
    assert_eq!((upstream.connections(), upstream.requests()), (5, 6));
}

#[actix_web::test]
async fn one_of_two_backends_behind_one_name_is_dead_and_no_call_fails() {
    // As kube-proxy does it: each connection goes to one of the two, and every other one is
    // refused. The live one keeps no connections, so that each call needs a new one.
    let upstream = Upstream::start(async |mut connection| {
        if connection.number % 2 == 1 {
            return connection.reset();
        }
        connection.request().await;
        connection.say(&http("200 OK", "connection: close\r\n", "{}")).await;
    })
    .await;
    let lab = lab(config(&upstream.url(), &[])).await;
    for call in 1..=50 {
        let answer = lab.get("/api/call-backend").await;
        assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 1), "call {call}");
    }
    let breaker = lab.breaker().await;
    assert_eq!((breaker.state, breaker.fail_counter), (State::Closed, 0));
    assert_eq!((upstream.connections(), upstream.requests()), (100, 50));
}

#[actix_web::test]
async fn idle_connections_that_the_backend_closed_are_not_used() {
    let upstream = Upstream::start(async |mut connection| {
        connection.request().await;
        connection.say(&ok("{}")).await;
    })
    .await;
    let lab = lab(config(&upstream.url(), &[("CONNECT_RETRIES", "0")])).await;
    for _ in 0..5 {
        let answer = lab.get("/api/call-backend").await;
        assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 1));
        // Let the close arrive.
        support::settle_io().await;
    }
    assert_eq!(lab.breaker().await.fail_counter, 0);
}

#[actix_web::test]
async fn refused_and_unresolvable_are_unreachable_at_once() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (url, says) in [
        (format!("http://{closed}"), "connection refused"),
        ("http://does-not-exist.invalid:5000".to_owned(), "cannot resolve"),
    ] {
        let lab = lab(config(&url, &[])).await;
        let start = Instant::now();
        let answer = lab.get("/api/call-backend").await;
        assert!(start.elapsed().as_secs_f64() < 2.0, "{says}: {:?}", start.elapsed());
        let fail_counter = lab.breaker().await.fail_counter;
        assert_answer(&(answer, fail_counter), (502, 2, 2), says);
        let answer = lab.get("/api/call-backend-without-resilience").await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (502, &"Bad Gateway".into()));
    }
}
