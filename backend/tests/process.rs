//! The real binary: its start, its shutdown, and behaviour that only a socket shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

mod support;

use std::{
    io::ErrorKind,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use resilience_testing::{
    Answer,
    http::{Connection, Request},
    process::{Process, command, run_to_end},
};
use support::{BACKEND, count, play, start, wait_for_count};

#[test]
fn each_variable_with_a_bad_value_stops_the_start() {
    for (variable, value) in [
        ("HOST", "localhost"),
        ("PORT", "http"),
        ("PORT", "70000"),
        ("WORKERS", "0"),
        ("RUST_LOG", "info,backend_service=loud"),
        ("LOG_FORMAT", "xml"),
        ("ADMIN_TOKEN", ""),
        ("SHUTDOWN_TIMEOUT", "35s"),
        ("FAILURE_RATE", "1.5"),
        ("FAILURE_RATE", "often"),
        ("SLOW_RESPONSE_RATE", "NaN"),
        ("SLOW_RESPONSE_DELAY", "-1"),
        ("SLOW_RESPONSE_DELAY", "3601"),
        ("TRANSIENT_FAILURE_RATE", ""),
        ("TRANSIENT_RETRY_AFTER", "soon"),
        ("FAULT_SEED", "0x2a"),
        // With the default SLOW_RESPONSE_RATE of 0.2 this is over 1.
        ("FAILURE_RATE", "0.9"),
    ] {
        let output = run_to_end(command(BACKEND, &[(variable, value)]));
        assert_eq!(output.status.code(), Some(2), "{variable}={value}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(&format!("{variable}=")), "{stderr}");
        assert!(stderr.contains("is not valid: expected "), "{stderr}");
    }
}

#[test]
fn a_port_in_use_is_one_error_line_even_with_logging_off() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap();
    let port = address.port().to_string();
    let output = run_to_end(command(BACKEND, &[("PORT", &port), ("RUST_LOG", "off")]));
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains(&format!("cannot listen on {address}")), "{stderr}");
}

#[test]
fn the_start_line_has_every_setting_except_the_token() {
    let mut backend = start(&[("ADMIN_TOKEN", "hunter2"), ("LOG_FORMAT", "json")]);
    assert_eq!(backend.terminate().code(), Some(0));
    let log = backend.log();
    assert!(log.contains("ADMIN_TOKEN=(set)") && log.contains("FAILURE_RATE=0.3"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    for line in log.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["timestamp", "level", "target", "message"] {
            assert!(record[key].is_string(), "{line}");
        }
    }
}

#[test]
fn a_request_is_logged_with_the_span_of_its_caller() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";
    for format in ["text", "json"] {
        let mut backend = start(&[("LOG_FORMAT", format)]);
        play(&backend, r#"{"sequence": ["fail"], "slow_response_rate": 0}"#);
        let ask = |backend: &Process, flags: &str| {
            let trace = format!("traceparent: 00-{TRACE}-{SPAN}-{flags}\r\n");
            backend.ask(Request::new("GET /api/data").headers(&trace)).status
        };
        assert_eq!(ask(&backend, "01"), 500);
        let line = backend.wait_for_log("fails with 500");
        if format == "text" {
            assert!(line.ends_with(&format!(" trace_id={TRACE} span_id={SPAN}")), "{line}");
        } else {
            let record: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&record["trace_id"], &record["span_id"]), (&TRACE.into(), &SPAN.into()));
            assert_eq!(record["message"], "request 1 /api/data: fails with 500");
        }
        // A request is not logged if its trace is not sampled, or if it has no trace.
        ask(&backend, "00");
        assert!([200, 500].contains(&backend.get("/api/data").status));
        backend.terminate();
        let log = backend.log();
        let is_there = |number| log.contains(&format!("request {number} "));
        assert!(!is_there(2) && !is_there(3), "{log}");
    }
}

#[test]
fn sigterm_finishes_a_slow_answer_while_probes_get_503() {
    let mut backend = start(&[("SLOW_RESPONSE_DELAY", "3"), ("WORKERS", "1")]);
    play(&backend, r#"{"sequence": ["slow"], "failure_rate": 0}"#);
    let mut slow = backend.connect();
    slow.send("GET /api/data");
    wait_for_count(&backend, "slow_responses", 1);

    backend.signal("TERM");
    backend.wait_for_log("got SIGTERM");
    let probe = backend.get("/ready");
    assert_eq!((probe.status, probe.header("connection")), (503, Some("close")));
    assert_eq!(probe.body["status"], "draining");

    let reply = slow.answer();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert_eq!(reply.body["status"], "success");
    assert_eq!(backend.wait().code(), Some(0));
    let log = backend.log();
    assert!(log.lines().last().unwrap().contains("backend-service stopped"), "{log}");
}

#[test]
fn idle_connections_do_not_delay_the_shutdown() {
    let mut backend = start(&[]);
    let mut idle = backend.connect();
    assert_eq!(idle.ask("GET /health").status, 200);
    let mut silent = backend.connect();

    let asked = Instant::now();
    backend.signal("INT");
    assert!(idle.is_ended() && silent.is_ended());
    assert_eq!(backend.wait().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}

#[test]
fn a_client_that_left_does_not_delay_the_shutdown() {
    let mut backend = start(&[("SLOW_RESPONSE_DELAY", "3600")]);
    play(&backend, r#"{"sequence": ["slow"]}"#);
    let mut impatient = backend.connect();
    impatient.send("GET /api/data");
    wait_for_count(&backend, "slow_responses", 1);
    drop(impatient);
    assert_eq!(backend.terminate().code(), Some(0));
    let log = backend.log();
    assert!(!log.contains("cutting off"), "{log}");
}

#[test]
fn a_second_signal_and_the_shutdown_timeout_abort_requests_in_flight() {
    for (timeout, signals, reason) in
        [("3600", 2, "got SIGTERM again"), ("0.2", 1, "SHUTDOWN_TIMEOUT of 0.2 s is over")]
    {
        let mut backend = start(&[("SLOW_RESPONSE_DELAY", "3600"), ("SHUTDOWN_TIMEOUT", timeout)]);
        play(&backend, r#"{"sequence": ["slow"]}"#);
        let mut slow = backend.connect();
        slow.send("GET /api/data");
        wait_for_count(&backend, "slow_responses", 1);
        for _ in 0..signals {
            backend.signal("TERM");
            backend.wait_for_log("got SIGTERM");
        }
        assert!(slow.is_ended());
        assert_eq!(backend.wait().code(), Some(0));
        let log = backend.log();
        assert!(log.contains(reason), "{log}");
    }
}

/// Their default action would end the process.
const STRAY: [&str; 4] = ["HUP", "USR1", "USR2", "ALRM"];

#[test]
fn other_signals_are_ignored_before_and_during_the_shutdown() {
    let variables = [("SLOW_RESPONSE_DELAY", "3600"), ("RUST_LOG", "info,service_edge=debug")];
    let mut backend = start(&variables);
    for name in STRAY {
        backend.signal(name);
        backend.wait_for_log(&format!("SIG{name} is ignored"));
        assert_eq!(backend.get("/health").status, 200);
    }
    play(&backend, r#"{"sequence": ["slow"]}"#);
    let mut slow = backend.connect();
    slow.send("GET /api/data");
    wait_for_count(&backend, "slow_responses", 1);
    backend.signal("TERM");
    backend.wait_for_log("got SIGTERM");
    for name in STRAY {
        backend.signal(name);
        backend.wait_for_log(&format!("SIG{name} is ignored"));
        assert_eq!(backend.get("/ready").status, 503);
    }
    assert_eq!(backend.terminate().code(), Some(0));
}

#[test]
fn requests_that_arrive_while_the_process_is_stopped_are_answered() {
    let backend = start(&[("WORKERS", "1")]);
    let (mut kept, mut begun, mut body) = (backend.connect(), backend.connect(), backend.connect());
    assert_eq!(kept.ask("GET /health").status, 200);
    begun.say("GET /health HTTP/1.1\r\n");
    // More than is read at once.
    let plan = format!("{{{}\"failure_rate\": 1, \"slow_response_rate\": 0}}", " ".repeat(10_000));
    let put = Request::new("PUT /api/faults").body(plan).bytes();
    let (first, rest) = put.split_at(put.len() - 10_000);
    body.say(first);
    // Behind all that was said so far, on the one worker.
    assert_eq!(backend.get("/health").status, 200);

    backend.signal("STOP");
    kept.send("GET /health");
    begun.say("Host: b\r\n\r\n");
    body.say(rest);
    // No condition tells that a limit is over for a process that stands still.
    thread::sleep(Duration::from_secs(11));
    backend.signal("CONT");
    assert_eq!(kept.answer().status, 200);
    assert_eq!(begun.answer().status, 200);
    assert_eq!(body.answer().status, 200);
}

#[test]
fn a_probe_past_the_limit_that_arrives_while_the_process_is_stopped_is_answered() {
    let backend = start(&[("WORKERS", "1"), ("MAX_CONNECTIONS", "1")]);
    let mut kept = backend.connect();
    let mut ask = || kept.ask("GET /health").status;
    assert_eq!(ask(), 200);
    let mut guest = backend.connect();
    // The one worker takes the guest in meanwhile.
    assert!((0..50).all(|_| ask() == 200));
    backend.signal("STOP");
    guest.send("GET /health");
    // No condition tells that a limit is over for a process that stands still.
    thread::sleep(Duration::from_secs(2));
    backend.signal("CONT");
    assert_eq!(guest.answer().status, 200);
}

#[test]
fn a_near_miss_is_reported_without_its_value() {
    let mut backend = start(&[
        ("FAILURE_RAET", "hunter2"),
        ("BACKEND_SERVICE_HOST", "10.0.0.1"),
        ("BREAKER_FAIL_MAX", "3"),
    ]);
    backend.terminate();
    let log = backend.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("is not a setting")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains(" WARN "), "{}", told[0]);
    assert!(told[0].ends_with("FAILURE_RAET is not a setting: did you mean FAILURE_RATE?"));
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn counters_add_up_over_several_workers() {
    const CLIENTS: u64 = 8;
    const REQUESTS: u64 = 100;
    let backend = start(&[("WORKERS", "4"), ("SLOW_RESPONSE_DELAY", "0")]);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut connection = backend.connect();
                scope.spawn(move || {
                    let line = ["GET /api/data", "GET /api/transient-failure"]
                        [usize::from(client % 2 == 0)];
                    (0..REQUESTS).map(|_| connection.ask(line).status).collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });

    let count = |status| statuses.iter().filter(|&&s| s == status).count() as u64;
    let metrics = backend.get("/api/metrics").body;
    let metric = |name: &str| metrics[name].as_u64().unwrap();
    assert_eq!(metric("total_requests"), CLIENTS * REQUESTS);
    assert_eq!(metric("failed_responses"), count(500));
    assert_eq!(metric("transient_failures"), count(429));
    assert_eq!(metric("successful_responses") + metric("slow_responses"), count(200));
    assert_eq!(metric("hung_requests") + metric("reset_connections"), 0);
    assert!(count(500) > 0 && count(429) > 0 && metric("slow_responses") > 0, "{metrics}");
}

#[test]
fn the_reset_fault_is_a_tcp_reset_that_logs_no_error() {
    let mut backend = start(&[("RUST_LOG", "debug")]);
    play(&backend, r#"{"sequence": ["reset", "reset"]}"#);
    for path in ["/api/data", "/api/transient-failure"] {
        let mut connection = backend.connect();
        // Also on a connection that was good before.
        assert_eq!(connection.ask("GET /health").status, 200);
        connection.send(format!("GET {path}"));
        let mut byte = [0];
        let error = connection.read(&mut byte).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        backend.wait_for_log(&format!("{path}: gets its connection reset"));
    }
    assert_eq!(count(&backend, "reset_connections"), 2);
    assert_eq!(backend.get("/health").status, 200);
    backend.terminate();
    let log = backend.log();
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn hanging_requests_get_no_answer_and_block_no_worker() {
    let mut backend = start(&[("WORKERS", "1")]);
    play(&backend, r#"{"sequence": ["hang"], "repeat": true}"#);
    let mut hung: Vec<_> = (0..20)
        .map(|_| {
            let mut connection = backend.connect();
            connection.send("GET /api/data");
            connection
        })
        .collect();
    // The one worker answers others while they hang.
    wait_for_count(&backend, "hung_requests", 20);
    for connection in &mut hung {
        connection.socket().set_nonblocking(true).unwrap();
        assert_eq!(connection.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        connection.socket().set_nonblocking(false).unwrap();
    }
    backend.signal("TERM");
    for connection in &mut hung {
        let reply = connection.answer();
        assert_eq!((reply.status, reply.header("connection")), (503, Some("close")));
        assert_eq!(reply.body["error"], "Service Unavailable");
    }
    assert_eq!(backend.wait().code(), Some(0));
}

#[test]
fn ten_megabytes_sent_to_any_endpoint_are_answered_with_a_body() {
    let backend = start(&[("SLOW_RESPONSE_DELAY", "0")]);
    for path in
        ["/health", "/ready", "/api/data", "/api/transient-failure", "/api/metrics", "/nowhere"]
    {
        for method in ["GET", "POST"] {
            let reply = send_ten_megabytes(&backend, method, path);
            assert!(reply.body.is_object(), "{method} {path}: {reply:?}");
            if method == "POST" {
                assert!([404, 405].contains(&reply.status), "{method} {path}: {reply:?}");
            }
        }
    }
    let refused = send_ten_megabytes(&backend, "PUT", "/api/faults");
    assert_eq!((refused.status, &refused.body["error"]), (413, &"Payload Too Large".into()));
    assert_eq!(backend.get("/health").status, 200);
}

/// Sends while it reads, as HTTP clients do: the answer may come before the body is through.
fn send_ten_megabytes(backend: &Process, method: &str, path: &str) -> Answer {
    let mut connection = backend.connect();
    let mut upload = Connection::from(connection.socket().try_clone().unwrap());
    let request = Request::new(format!("{method} {path}")).body(vec![b' '; 10_000_000]);
    // The server may have had enough.
    let sender = thread::spawn(move || drop(upload.try_say(request.bytes())));
    let answer = connection.answer();
    drop(connection);
    sender.join().unwrap();
    answer
}

#[test]
fn head_is_answered_without_a_body() {
    let backend = start(&[]);
    let mut connection = backend.connect();
    connection.send("HEAD /health");
    let head = connection.head();
    assert_eq!(head.status, 200);
    assert!(head.header("content-length").is_some());
    // Were there a body, it would be taken for the next answer's head.
    connection.send("GET /health");
    assert_eq!(connection.answer().body["status"], "healthy");
}

#[test]
fn plan_changes_and_faults_are_logged() {
    let backend = start(&[("RUST_LOG", "backend_service=debug,info")]);
    play(&backend, r#"{"sequence": ["fail", "transient"]}"#);
    backend.wait_for_log("fault plan replaced: failure_rate=0.3");
    assert_eq!(backend.get("/api/data").status, 500);
    backend.wait_for_log("request 1 /api/data: fails with 500");
    assert_eq!(backend.get("/api/transient-failure").status, 429);
    backend.wait_for_log("request 2 /api/transient-failure: is throttled with 429");
}
