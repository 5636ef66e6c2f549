//! A log that is not read, or cannot be written, delays no request.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use resilience_testing::{
    PATIENCE,
    process::{Process, Unread, command, status},
    until,
};
use support::{BACKEND, start_unread};

const DROPPED: &str = "log_lines_dropped_total";

/// Maximum time of a call on a busy machine: much less than a blocked write.
const SOON: Duration = Duration::from_secs(5);

/// A backend whose log is full: it must drop lines.
fn with_full_log() -> (Process, Unread) {
    let (backend, log) = start_unread(&[("RUST_LOG", "trace"), ("WORKERS", "1")]);
    until("the log is full", 2 * PATIENCE, || {
        let mut connection = backend.connect();
        for _ in 0..200 {
            let answer = connection.ask("GET /api/transient-failure");
            assert!([200, 429].contains(&answer.status));
            assert!(answer.took < SOON, "a call took {:?}", answer.took);
        }
        backend.metric(DROPPED) > 0
    });
    (backend, log)
}

#[test]
fn an_unread_log_delays_no_call_and_reports_dropped_lines_when_read() {
    let (mut backend, log) = with_full_log();
    let health = backend.get("/health");
    assert_eq!(health.status, 200);
    assert!(health.took < SOON, "{:?}", health.took);
    backend.read_log(log);
    let line = backend.wait_for_log("log lines were dropped: stderr was full or not writable");
    assert!(line.contains(" WARN ") && !line.contains(" 0 log lines"), "{line}");
    assert_eq!(backend.terminate().code(), Some(0));
    let log = backend.log();
    assert!(log.trim_end().ends_with("backend-service stopped"), "{:?}", log.lines().last());
}

#[test]
fn an_unread_log_does_not_delay_the_shutdown() {
    let (mut backend, _log) = with_full_log();
    let asked = Instant::now();
    assert_eq!(backend.terminate().code(), Some(0));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
}

#[test]
fn a_closed_log_stops_nothing_and_its_lines_are_counted() {
    let (mut backend, log) = start_unread(&[("RUST_LOG", "debug")]);
    drop(log);
    until("a line is counted", PATIENCE, || {
        assert_eq!(backend.get("/health").status, 200);
        backend.get("/api/transient-failure");
        backend.metric(DROPPED) > 0
    });
    assert_eq!(backend.terminate().code(), Some(0));
}

#[test]
fn a_failed_start_exits_even_if_its_error_cannot_be_written() {
    for (variable, value, code) in [("WORKERS", "0", 2), ("HOST", "192.0.2.1", 1)] {
        let (_reader, mut full) = std::io::pipe().unwrap();
        // The capacity of a pipe.
        full.write_all(&[b'x'; 64 * 1024]).unwrap();
        let began = Instant::now();
        let mut command = command(BACKEND, &[(variable, value)]);
        command.stderr(full);
        assert_eq!(status(command).code(), Some(code), "{variable}");
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
}
