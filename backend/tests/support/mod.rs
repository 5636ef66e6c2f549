//! The real binary as a child process.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use resilience_testing::{
    PATIENCE,
    http::Request,
    process::{Process, Unread, command},
    until,
};

/// The binary.
pub(crate) const BACKEND: &str = env!("CARGO_BIN_EXE_backend-service");

pub(crate) fn start(variables: &[(&str, &str)]) -> Process {
    Process::start(command(BACKEND, variables))
}

pub(crate) fn start_unread(variables: &[(&str, &str)]) -> (Process, Unread) {
    Process::start_unread(command(BACKEND, variables))
}

/// Plays these outcomes to the next requests.
pub(crate) fn play(backend: &Process, plan: &str) {
    let answer = backend.ask(Request::new("PUT /api/faults").body(plan));
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// One of the backend's own counters.
pub(crate) fn count(backend: &Process, name: &str) -> u64 {
    backend.get("/api/metrics").body[name].as_u64().unwrap()
}

/// Waits until a counter has this value.
pub(crate) fn wait_for_count(backend: &Process, name: &str, value: u64) {
    until(&format!("{name} is {value}"), PATIENCE, || count(backend, name) == value);
}
