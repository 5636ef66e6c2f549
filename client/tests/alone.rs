//! The client's process: signals that it ignores, and an unread log.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use resilience_testing::{
    PATIENCE,
    process::{Process, command},
    server::{Gate, Server, ok},
    until,
};

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");

#[test]
fn other_signals_are_ignored_before_and_during_the_shutdown() {
    let gate = Arc::new(Gate::default());
    let backend = Server::behind(&gate, ok("{}"));
    let mut client = Process::start(command(
        CLIENT,
        &[
            ("BACKEND_URL", &backend.url()),
            ("RUST_LOG", "info,service_edge=debug"),
            ("ATTEMPT_TIMEOUT", "20"),
            ("BREAKER_TRIAL_LEASE", "20"),
        ],
    ));
    let stray = |client: &Process, times: usize| {
        for name in ["HUP", "USR1", "USR2", "ALRM"] {
            client.signal(name);
            let line = format!("SIG{name} is ignored");
            client.wait_for_log(&line);
            assert_eq!(client.logged(&line), times, "{name}");
        }
    };
    stray(&client, 1);
    assert_eq!(client.get("/health").status, 200);

    let mut caller = client.connect();
    caller.send("GET /api/call-backend");
    until("the backend has the call", PATIENCE, || backend.requests() == 1);
    client.signal("TERM");
    client.wait_for_log("got SIGTERM");
    stray(&client, 2);
    gate.set(true);
    assert_eq!(caller.answer().status, 200);
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn an_unread_log_of_a_failing_backend_delays_no_call_no_probe_and_no_shutdown() {
    let (mut client, _unread) = Process::start_unread(command(
        CLIENT,
        // Nothing listens there.
        &[("RUST_LOG", "trace"), ("CALL_DEADLINE", "3"), ("BACKEND_URL", "http://127.0.0.1:1")],
    ));
    until("lines are dropped", Duration::from_secs(120), || {
        for path in ["/api/call-backend", "/health"].iter().cycle().take(100) {
            let answer = client.get(path).must_be_json();
            assert!(answer.took < Duration::from_secs(5), "{path}: {answer:?}");
        }
        client.metric("log_lines_dropped_total") > 0
    });
    let asked = Instant::now();
    assert_eq!(client.terminate().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}
