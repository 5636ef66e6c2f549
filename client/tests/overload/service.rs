//! The client service as a process, and backends for it.
#![allow(dead_code, reason = "`standstill` uses a part of it")]

use std::{process::Command, thread, time::Duration};

use resilience_testing::{
    PATIENCE,
    process::{Process, command},
    server::{Server, http},
    until,
};

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");

pub(crate) fn start(variables: &[(&str, &str)]) -> Process {
    start_as(command(CLIENT, variables))
}

/// Starts the client with a limit of open files.
pub(crate) fn start_with_files(files: u32, variables: &[(&str, &str)]) -> Process {
    let mut command = command("sh", variables);
    command.args(["-c", "ulimit -n $0 && exec $1", &files.to_string(), CLIENT]);
    start_as(command)
}

fn start_as(command: Command) -> Process {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    Process::start(command)
}

/// Asserts that only this test is connected, that nothing else is in flight, and that calls are answered.
pub(crate) fn assert_as_before(service: &Process) {
    until("all connections are gone", PATIENCE, || service.metric("http_connections") == 1);
    assert_eq!(service.metric("http_requests_in_flight"), 1);
    for path in ["/health", "/ready", "/api/call-backend", "/api/stats"] {
        let answer = service.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let stats = service.get("/api/stats").body;
    assert_eq!(stats["statistics"]["calls_in_flight"], 0);
    assert_eq!(stats["statistics"]["calls_waiting"], 0);
}

/// A backend that answers each request after `delay` with `size` bytes of JSON.
pub(crate) fn backend(delay: Duration, size: usize) -> Server {
    let body = " ".repeat(size - 2) + "{}";
    let answer = http("200 OK", "content-type: application/json\r\n", &body);
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            thread::sleep(delay);
            peer.say(&answer);
        }
    })
}
