//! Answers that are passed on while they arrive.

use std::{sync::Arc, thread, time::Duration};

use resilience_testing::{
    PATIENCE,
    process::Process,
    server::{Act, Gate, Peer, Server, ok},
    until,
};

use super::gateway::{gateway, gateway_with};

const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                      transfer-encoding: chunked\r\n\r\n";

/// One failure opens the circuit.
const STRICT: &str = "breaker_fail_max = 1\nretry_max_attempts = 1";

fn event(peer: &mut Peer, text: &str) {
    let data = format!("data: {text}\n\n");
    peer.say(format!("{:x}\r\n{data}\r\n", data.len()));
}

#[test]
fn events_arrive_one_by_one() {
    let gate = Arc::new(Gate::default());
    let passing = Arc::clone(&gate);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        peer.say(EVENTS);
        event(&mut peer, "one");
        passing.pass();
        event(&mut peer, "two");
        peer.say("0\r\n\r\n");
        peer.hold();
    });
    let gateway = gateway(&upstream.url(), "");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/events");
    caller.lines_until("data: one");
    gate.set(true);
    caller.lines_until("data: two");
    caller.lines_until("0\r\n\r\n");
}

#[test]
fn an_answer_that_the_upstream_cuts_off_ends_the_connection_and_is_a_failure() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly a part".to_owned(),
        format!("{EVENTS}4\r\npart\r\n"),
        format!("{EVENTS}40\r\npart"),
        format!("{EVENTS}no chunk\r\n"),
    ] {
        let upstream = Server::start({
            let cut = cut.clone();
            move |mut peer| {
                peer.request();
                peer.say(&cut);
            }
        });
        let gateway = gateway(&upstream.url(), STRICT);
        let mut caller = gateway.connect();
        caller.send("GET /upstreams/u/");
        let text = caller.rest_or_part();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(!text.ends_with("0\r\n\r\n"), "{cut}: looks complete: {text}");
        is_open(&gateway);
        gateway.wait_for_log("an answer ended early");
        assert_eq!(gateway.logged("stream error"), 0, "actix reports it, too");
    }
}

#[test]
fn an_upstream_that_falls_silent_is_a_failure() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        peer.say(EVENTS);
        event(&mut peer, "one");
        peer.hold();
    });
    let gateway = gateway(&upstream.url(), &format!("{STRICT}\nbody_idle_timeout = 0.3"));
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    let text = caller.rest_or_part();
    assert!(text.contains("data: one") && !text.ends_with("0\r\n\r\n"), "{text}");
    is_open(&gateway);
    until("the upstream's connection ends", PATIENCE, || upstream.open() == 0);
}

#[test]
fn an_upstream_that_sends_framing_without_end_is_a_failure() {
    // There is always more of it than the gateway has read.
    let trailers = "a: b\r\n".repeat(100);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        let begin = Act::Say(format!("{EVENTS}0\r\n").into());
        peer.play(&[begin, Act::Forever(trailers.clone().into())]);
    });
    let gateway = gateway(&upstream.url(), &format!("{STRICT}\nbody_idle_timeout = 1"));
    let mut callers = [(); 6].map(|()| gateway.connect());
    for caller in &mut callers {
        caller.send("GET /upstreams/u/");
    }
    for caller in &mut callers {
        caller.lines_until("\r\n\r\n");
    }
    for caller in &mut callers {
        assert_eq!(caller.rest_or_part(), "");
    }
    is_open(&gateway);
    until("the upstream's connections end", PATIENCE, || upstream.open() == 0);
}

fn is_open(gateway: &Process) {
    // Not by a call: while the circuit is closed, its answer is a stream.
    until("the circuit opens", PATIENCE, || {
        gateway.get("/api/upstreams/u").body["state"] == "open"
    });
    assert_eq!(gateway.get("/upstreams/u/").status, 503);
}

#[test]
fn a_caller_that_leaves_is_no_failure() {
    let upstream = Server::start(|mut peer| match peer.request().as_deref() {
        Some(head) if head.starts_with("GET /events") => {
            peer.say(EVENTS);
            event(&mut peer, "one");
            peer.hold();
        }
        _ => peer.say(ok("{}")),
    });
    let gateway = gateway(&upstream.url(), STRICT);
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/events");
    caller.lines_until("data: one");
    drop(caller);
    until("the upstream's connection ends", PATIENCE, || upstream.open() == 0);
    let next = gateway.get("/upstreams/u/");
    assert_eq!((next.status, next.header("x-resilience-state")), (200, Some("closed")));
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        peer.say("HTTP/1.1 200 OK\r\nx-own: 1\r\n\r\nto the end");
    });
    let gateway = gateway(&upstream.url(), STRICT);
    for _ in 0..2 {
        let mut caller = gateway.connect();
        caller.send("GET /upstreams/u/");
        let text = caller.lines_until("0\r\n\r\n");
        assert!(text.contains("A\r\nto the end\r\n") && !text.contains("content-type"), "{text}");
    }
}

#[test]
fn answers_may_be_silent_for_longer_than_a_connection_may_be_idle() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        peer.say(EVENTS);
        event(&mut peer, "one");
        // Longer than `Limits::idle` of the guard.
        thread::sleep(Duration::from_millis(6_500));
        event(&mut peer, "two");
        peer.hold();
    });
    let gateway =
        gateway(&upstream.url(), "attempt_timeout = 1\nconnect_timeout = 1\ncall_deadline = 2");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    caller.lines_until("data: two");
}

#[test]
fn streams_of_events_end_whole_as_soon_as_the_shutdown_begins() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        peer.say(EVENTS);
        event(&mut peer, "one");
        peer.hold();
    });
    // Longer than any step of a test may take.
    let mut gateway = gateway_with(&upstream.url(), "", &[("SHUTDOWN_TIMEOUT", "600")]);
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    caller.lines_until("data: one");
    gateway.signal("TERM");
    let rest = caller.rest();
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "cut off: {rest:?}");
    assert!(gateway.wait().success());
    until("the upstream's connection ends", PATIENCE, || upstream.open() == 0);
    assert_eq!(gateway.logged("ended early"), 0, "{}", gateway.log());
}

/// Sends a part of a body that is no stream of events, and the rest when the gate is open.
fn in_two_parts(gate: &Arc<Gate>) -> Server {
    let gate = Arc::clone(gate);
    Server::start(move |mut peer| {
        peer.request();
        peer.say(EVENTS.replace("text/event-stream", "text/plain"));
        peer.say("4\r\none\n\r\n");
        gate.pass();
        peer.say("4\r\ntwo\n\r\n0\r\n\r\n");
        peer.hold();
    })
}

#[test]
fn other_answers_go_on_during_the_shutdown() {
    let gate = Arc::new(Gate::default());
    let upstream = in_two_parts(&gate);
    let mut gateway = gateway(&upstream.url(), "");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    caller.lines_until("one\n");
    gateway.signal("TERM");
    gateway.wait_for_log("SIGTERM");
    gate.set(true);
    let rest = caller.rest();
    assert!(rest.contains("two\n") && rest.ends_with("\r\n0\r\n\r\n"), "cut off: {rest:?}");
    assert!(gateway.wait().success());
}

#[test]
fn other_answers_are_cut_off_at_the_shutdown_timeout() {
    let upstream = in_two_parts(&Arc::default());
    let mut gateway = gateway_with(&upstream.url(), "", &[("SHUTDOWN_TIMEOUT", "1")]);
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    caller.lines_until("one\n");
    assert_eq!(gateway.terminate().code(), Some(0));
    assert!(!caller.rest_or_part().ends_with("0\r\n\r\n"), "it looks complete");
}

#[test]
fn at_most_max_streams_answers_are_passed_on_at_a_time() {
    let upstream = Server::start(|mut peer| match peer.request().as_deref() {
        Some(head) if head.starts_with("GET /small") => peer.say(ok("{}")),
        _ => {
            peer.say(EVENTS);
            event(&mut peer, "one");
            peer.hold();
        }
    });
    let gateway = gateway_with(&upstream.url(), "", &[("MAX_STREAMS", "1")]);
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    caller.lines_until("data: one");
    let refused = gateway.get("/upstreams/u/");
    refused.assert_error(503, "Service Unavailable", "which is the maximum");
    assert_eq!(refused.header("retry-after"), None, "the upstream has done what was asked");
    assert_eq!(gateway.get("/upstreams/u/small").status, 200, "small answers are not counted");
    drop(caller);
    until("the place is free", PATIENCE, || {
        let mut next = gateway.connect();
        next.send("GET /upstreams/u/");
        next.head().status == 200
    });
}
