//! The process stands still for a while, as it does when its virtual machine is paused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[allow(dead_code, reason = "this test uses a part of it")]
#[path = "overload/service.rs"]
mod service;

use std::{process::Command, thread, time::Duration};

use service::{Service, backend, until};

#[test]
fn answers_that_arrive_while_the_process_stands_still_are_taken() {
    const CALLS: u64 = 20;
    let url = backend(Duration::from_secs(1));
    let service = Service::start(&[
        ("BACKEND_URL", &url),
        ("ATTEMPT_TIMEOUT", "2"),
        ("RETRY_MAX_ATTEMPTS", "1"),
        ("CONNECT_RETRIES", "0"),
    ]);
    thread::scope(|scope| {
        let calls: Vec<_> =
            (0..CALLS).map(|_| scope.spawn(|| service.get("/api/call-backend"))).collect();
        until("all calls are in flight", || {
            service.get("/api/stats").json()["statistics"]["calls_in_flight"] == CALLS
        });
        signal(&service, "STOP");
        // Longer than the attempts may take.
        thread::sleep(Duration::from_secs(3));
        signal(&service, "CONT");
        for call in calls {
            let answer = call.join().unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    });
    let circuit = service.get("/api/circuit-breaker").json();
    assert_eq!((&circuit["state"], &circuit["fail_counter"]), (&"closed".into(), &0.into()));
}

fn signal(service: &Service, name: &str) {
    let kill =
        Command::new("kill").args([&format!("-{name}"), &service.pid().to_string()]).status();
    assert!(kill.unwrap().success());
}
