//! A log that nobody reads, or that cannot be written, delays nobody.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]
#![allow(dead_code, reason = "each test binary uses a part of the support")]

mod support;

use std::{
    io::{BufReader, Write as _},
    process::ChildStderr,
    time::{Duration, Instant},
};

use support::{Backend, PATIENCE, command, wait_for_end};

const DROPPED: &str = "log_lines_dropped_total";

/// More than a call may take here, on a busy machine; much less than a write that blocks.
const SOON: Duration = Duration::from_secs(5);

/// A backend whose log is full: it must drop lines.
fn with_full_log() -> (Backend, BufReader<ChildStderr>) {
    let (backend, log) = Backend::start_unread(&[("RUST_LOG", "trace"), ("WORKERS", "1")]);
    let began = Instant::now();
    while backend.prometheus(DROPPED) == 0 {
        assert!(began.elapsed() < 2 * PATIENCE, "the log is never full");
        let mut connection = backend.connect();
        for _ in 0..200 {
            let asked = Instant::now();
            connection.send("GET", "/api/transient-failure", "");
            assert!([200, 429].contains(&connection.reply().status));
            assert!(asked.elapsed() < SOON, "a call took {:?}", asked.elapsed());
        }
    }
    (backend, log)
}

#[test]
fn an_unread_log_delays_no_call_and_says_what_it_dropped_once_it_is_read() {
    let (mut backend, log) = with_full_log();
    let asked = Instant::now();
    assert_eq!(backend.ask("GET", "/health", "").status, 200);
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    backend.read_log(log);
    let line = backend.wait_for_log("log lines were dropped: stderr was full or not writable");
    assert!(line.contains(" WARN ") && !line.contains(" 0 log lines"), "{line}");
    backend.signal("TERM");
    let (status, log) = backend.ended();
    assert_eq!(status.code(), Some(0));
    assert!(log.last().unwrap().ends_with("backend-service stopped"), "{:?}", log.last());
}

#[test]
fn an_unread_log_does_not_hold_up_the_end() {
    let (backend, _log) = with_full_log();
    let asked = Instant::now();
    backend.signal("TERM");
    assert_eq!(backend.wait_for_end().code(), Some(0));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
}

#[test]
fn a_log_that_was_closed_ends_nothing_and_its_lines_are_counted() {
    let (backend, log) = Backend::start_unread(&[("RUST_LOG", "debug")]);
    drop(log);
    let began = Instant::now();
    while backend.prometheus(DROPPED) == 0 {
        assert!(began.elapsed() < PATIENCE, "no line is counted");
        assert_eq!(backend.ask("GET", "/health", "").status, 200);
        backend.ask("GET", "/api/transient-failure", "");
    }
    backend.signal("TERM");
    assert_eq!(backend.wait_for_end().code(), Some(0));
}

#[test]
fn a_refused_start_ends_although_its_reason_cannot_be_written() {
    for (variable, value, code) in [("WORKERS", "0", 2), ("HOST", "192.0.2.1", 1)] {
        let (_reader, mut full) = std::io::pipe().unwrap();
        // As much as a pipe takes.
        full.write_all(&[b'x'; 64 * 1024]).unwrap();
        let began = Instant::now();
        let mut child = command(&[(variable, value)]).stderr(full).spawn().unwrap();
        assert_eq!(wait_for_end(&mut child).code(), Some(code), "{variable}");
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
}
