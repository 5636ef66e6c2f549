//! What a body holds until it ends: the place of its attempt under `concurrency_max`.

use std::{sync::Arc, time::Duration};

use resilience_testing::{
    PATIENCE,
    process::Process,
    server::{Gate, Peer, Server, ok},
    until,
};

use super::gateway::gateway;

const ONE_AT_A_TIME: &str = "concurrency_max = 1\nretry_max_attempts = 1\nbody_idle_timeout = 20";

/// Answers `/stream` with a body that ends when the gate opens, as `/cut` does without its end.
fn upstream(gate: &Arc<Gate>) -> Server {
    let gate = Arc::clone(gate);
    Server::start(move |mut peer: Peer| {
        while let Some(head) = peer.request() {
            let path = head.split(' ').nth(1).unwrap();
            if path == "/" {
                peer.say(ok("{}"));
                continue;
            }
            peer.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n");
            gate.pass();
            if path == "/cut" {
                return;
            }
            peer.say("0\r\n\r\n");
        }
    })
}

fn in_flight(gateway: &Process) -> u64 {
    let shown = gateway.get("/api/upstreams/u").must_be_json().body;
    shown["policies"]["concurrency"]["in_flight"].as_u64().unwrap_or_else(|| panic!("{shown}"))
}

fn is_free(gateway: &Process) {
    until("the place is free", PATIENCE, || in_flight(gateway) == 0);
    assert_eq!(gateway.get("/upstreams/u/").status, 200);
}

#[test]
fn a_place_is_held_until_the_body_ends_or_is_cut_off_or_its_caller_leaves() {
    for (path, leaves) in [("/stream", false), ("/cut", false), ("/stream", true)] {
        let gate = Arc::new(Gate::default());
        let upstream = upstream(&gate);
        let gateway = gateway(&upstream.url(), ONE_AT_A_TIME);
        let mut caller = gateway.connect();
        caller.send(format!("GET /upstreams/u{path}"));
        caller.lines_until("part");
        assert_eq!(in_flight(&gateway), 1);
        gateway.get("/upstreams/u/").assert_error(503, "Service Unavailable", "in flight");
        if leaves {
            drop(caller);
            is_free(&gateway);
            gate.set(true);
        } else {
            gate.set(true);
            is_free(&gateway);
        }
    }
}

#[test]
fn an_attempt_that_waits_gets_the_place_of_a_body_that_ends() {
    let gate = Arc::new(Gate::default());
    let upstream = upstream(&gate);
    let settings = format!("{ONE_AT_A_TIME}\nconcurrency_queue = 1\nconcurrency_wait = 20");
    let gateway = gateway(&upstream.url(), &settings);
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/stream");
    caller.lines_until("part");
    let mut next = gateway.connect();
    next.send("GET /upstreams/u/");
    until("it waits", PATIENCE, || {
        let shown = gateway.get("/api/upstreams/u").must_be_json().body;
        shown["policies"]["concurrency"]["queued"] == 1
    });
    gate.set(true);
    assert_eq!(next.answer().status, 200);
}

#[test]
fn callers_one_after_the_other_are_never_one_too_many() {
    let upstream = Server::answering(ok(&"x".repeat(300_000)));
    let gateway = gateway(&upstream.url(), ONE_AT_A_TIME);
    let mut caller = gateway.connect();
    for _ in 0..50 {
        assert_eq!(caller.ask("GET /upstreams/u/").status, 200);
    }
}

#[test]
fn idle_connections_are_closed_without_a_next_call() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "pool_idle_timeout = 1");
    assert_eq!(gateway.get("/upstreams/u/").status, 200);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(upstream.open(), 1, "it is kept for the next call");
    until("the idle connection is closed", PATIENCE, || upstream.open() == 0);
}
