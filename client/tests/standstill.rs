//! Stops the service with SIGSTOP for longer than the attempt timeout, as if its virtual machine were paused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[path = "overload/service.rs"]
mod service;

use std::{thread, time::Duration};

use resilience_testing::{PATIENCE, process::Process, until};
use service::backend;

const CALLS: usize = 20;

#[test]
fn answers_that_arrive_while_the_process_is_stopped_are_accepted() {
    // The large answer does not fit into the kernel's buffers: most of it is sent after the process continues.
    for size in [2, 900_000] {
        let backend = backend(Duration::from_secs(1), size);
        let service = start(&backend.url());
        stand_still(&service, || backend.requests() == CALLS);
    }
}

/// The process is stopped when all calls have arrived. Some or none of their requests have been sent by then.
#[test]
fn calls_get_the_time_back_that_the_process_was_stopped_before_their_request() {
    let service = start(&backend(Duration::from_millis(500), 2).url());
    stand_still(&service, || {
        service.get("/api/stats").body["statistics"]["calls_in_flight"] == CALLS
    });
}

fn start(url: &str) -> Process {
    service::start(&[
        ("BACKEND_URL", url),
        ("ATTEMPT_TIMEOUT", "2"),
        ("RETRY_MAX_ATTEMPTS", "1"),
        ("CONNECT_RETRIES", "0"),
    ])
}

/// Makes calls, stops the process when `now` is true for longer than an attempt may take, then continues it. Expects
/// that all calls succeed and that the breaker counts no failure.
fn stand_still(service: &Process, now: impl Fn() -> bool) {
    thread::scope(|scope| {
        let calls: Vec<_> =
            (0..CALLS).map(|_| scope.spawn(|| service.get("/api/call-backend"))).collect();
        until("the moment to stand still", PATIENCE, now);
        service.signal("STOP");
        thread::sleep(Duration::from_secs(3));
        service.signal("CONT");
        for call in calls {
            let answer = call.join().unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    });
    let circuit = service.get("/api/circuit-breaker").body;
    assert_eq!((&circuit["state"], &circuit["fail_counter"]), (&"closed".into(), &0.into()));
}
