//! Bodies that are passed on while they arrive.

use std::io::{Read as _, Write as _};

use resilience_testing::{
    PATIENCE,
    http::Request,
    server::{Server, http, ok},
    until,
};

use super::gateway::{gateway, gateway_with, raw_upstream, read_head, say};

const NOTHING_IS_HELD: [(&str, &str); 1] = [("RETRY_BODY_BYTES", "0")];

fn head(framing: &str) -> String {
    format!("POST /upstreams/u/ HTTP/1.1\r\nhost: t\r\n{framing}\r\n\r\n")
}

#[test]
fn a_refusal_in_the_middle_of_an_upload_is_heard() {
    for status in ["413 Payload Too Large", "200 OK"] {
        let upstream = raw_upstream(move |mut stream| {
            let head = read_head(&mut stream);
            assert!(head.contains("content-length: 1073741824\r\n"), "{head}");
            stream.read_exact(&mut [0; 100_000]).unwrap();
            say(&mut stream, http(status, "", "enough"));
            // The connection stays open, and nothing more is read.
            std::thread::park();
        });
        let gateway = gateway(&upstream, "retry_max_attempts = 2");
        let mut caller = gateway.connect();
        caller.say(head("content-length: 1073741824"));
        caller.say([b'x'; 200_000]);
        let answer = caller.answer();
        assert_eq!(answer.status, status[..3].parse::<u16>().unwrap());
        assert_eq!(answer.text, "enough");
        assert_eq!(answer.header("x-resilience-attempts"), Some("1"));
    }
}

#[test]
fn a_refusal_that_closes_the_connection_is_heard() {
    let upstream = raw_upstream(|mut stream| {
        read_head(&mut stream);
        say(&mut stream, http("413 Payload Too Large", "connection: close\r\n", "enough"));
        // A close with unread bytes would be a reset.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let gateway = gateway(&upstream, "");
    let mut caller = gateway.connect();
    caller.say(head("transfer-encoding: chunked"));
    let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
    for _ in 0..2 {
        caller.say(&chunk);
    }
    let answer = caller.answer();
    assert_eq!((answer.status, answer.text.as_str()), (413, "enough"));
}

#[test]
fn an_upstream_may_answer_while_it_reads() {
    let upstream = raw_upstream(|mut stream| {
        let head = read_head(&mut stream);
        assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        // The chunks come back as they are.
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let (mut bytes, mut all) = ([0; 1024], Vec::new());
        while !all.ends_with(b"0\r\n\r\n") {
            let read = stream.read(&mut bytes).unwrap();
            all.extend_from_slice(&bytes[..read]);
            let _ = stream.write_all(&bytes[..read]);
        }
    });
    let gateway = gateway(&upstream, "");
    let mut caller = gateway.connect();
    caller.say(head("transfer-encoding: chunked"));
    for word in ["one\n", "two\n", "three\n"] {
        caller.say(format!("{:x}\r\n{word}\r\n", word.len()));
        caller.lines_until(word);
    }
    caller.say("0\r\n\r\n");
    caller.lines_until("0\r\n\r\n");
}

#[test]
fn the_time_limits_stand_still_while_the_caller_is_waited_for() {
    let upstream = Server::answering(ok("{}"));
    let settings = "attempt_timeout = 0.3\nconnect_timeout = 0.2\ncall_deadline = 0.5";
    let gateway = gateway_with(&upstream.url(), settings, &NOTHING_IS_HELD);
    let mut caller = gateway.connect();
    caller.say(head("content-length: 20"));
    // A second in all.
    caller.trickle([b'x'; 20].into_iter());
    let answer = caller.answer();
    assert_eq!((answer.status, answer.header("x-resilience-state")), (200, Some("closed")));
}

#[test]
fn a_caller_that_falls_silent_or_leaves_is_no_failure() {
    let upstream = Server::start(|mut peer| {
        if peer.request().is_some() {
            peer.say(ok("{}"));
        }
    });
    let settings = "breaker_fail_max = 1\nbody_idle_timeout = 0.3";
    let gateway = gateway_with(&upstream.url(), settings, &NOTHING_IS_HELD);
    let mut silent = gateway.connect();
    silent.say(head("content-length: 20"));
    silent.say("a part");
    let answer = silent.answer();
    answer.assert_error(408, "Request Timeout", "0.300s");
    let mut leaving = gateway.connect();
    leaving.say(head("content-length: 20"));
    leaving.say("a part");
    until("the upstream has it", PATIENCE, || upstream.connections() == 2);
    drop(leaving);
    until("the upstream's connections end", PATIENCE, || upstream.open() == 0);
    let next = gateway.get("/upstreams/u/");
    assert_eq!((next.status, next.header("x-resilience-state")), (200, Some("closed")));
}

#[test]
fn at_most_max_streams_bodies_are_passed_on_at_a_time() {
    let upstream = Server::answering(ok("{}"));
    let variables = [&NOTHING_IS_HELD[..], &[("MAX_STREAMS", "1")]].concat();
    let gateway = gateway_with(&upstream.url(), "", &variables);
    let mut caller = gateway.connect();
    caller.say(head("content-length: 8"));
    caller.say("a part");
    until("the upstream is reached", PATIENCE, || upstream.connections() == 1);
    let post = Request::new("POST /upstreams/u/").body("another");
    let refused = gateway.ask(post.clone());
    refused.assert_error(503, "Service Unavailable", "which is the maximum");
    let said = ["retry-after", "x-resilience-attempts"].map(|name| refused.header(name));
    assert_eq!(said, [Some("1"), Some("0")], "the upstream does not know of it");
    assert_eq!(gateway.get("/upstreams/u/").status, 200, "a request without a body takes no place");
    caller.say(" b");
    assert_eq!(caller.answer().status, 200);
    until("the place is free", PATIENCE, || gateway.ask(post.clone()).status == 200);
}

#[test]
fn a_connection_with_a_part_of_a_body_is_not_used_again() {
    let upstream = raw_upstream(|mut stream| {
        let head = read_head(&mut stream);
        if head.starts_with("POST") {
            stream.read_exact(&mut [0; 4]).unwrap();
            say(&mut stream, http("400 Bad Request", "", "enough"));
            // Whatever comes now is no request of its own.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            assert!(!String::from_utf8_lossy(&rest).contains("GET"));
        } else {
            say(&mut stream, ok("{}"));
        }
    });
    // The next requests could use the connection.
    let variables = [&NOTHING_IS_HELD[..], &[("WORKERS", "1")]].concat();
    let gateway = gateway_with(&upstream, "retry_max_attempts = 1", &variables);
    let mut caller = gateway.connect();
    caller.say(head("content-length: 100"));
    caller.say("part");
    assert_eq!(caller.answer().status, 400);
    for _ in 0..4 {
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
    }
}
