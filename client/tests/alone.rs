//! The client's process: signals that it ignores, and a log that nobody reads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod process;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use process::{Process, binary, free_port, get, send_and_hold, until};

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn stray_signals_change_nothing_before_the_end_nor_in_its_middle() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", backend.local_addr().unwrap());
    let mut client = Process::client(&[
        ("BACKEND_URL", &url),
        ("RUST_LOG", "info,service_edge=debug"),
        ("ATTEMPT_TIMEOUT", "20"),
        ("BREAKER_TRIAL_LEASE", "20"),
    ]);
    let stray = |client: &Process, times: usize| {
        for name in ["HUP", "USR1", "USR2", "ALRM"] {
            signal(name, client.pid());
            let line = format!("SIG{name} is ignored");
            until(&line, Duration::from_secs(10), || client.log().matches(&line).count() == times);
        }
    };
    stray(&client, 1);
    assert_eq!(get(client.port(), "/health").status, 200);

    let mut caller = send_and_hold(client.port(), "/api/call-backend");
    let (mut call, _) = backend.accept().unwrap();
    signal("TERM", client.pid());
    until("SIGTERM", Duration::from_secs(10), || client.log().contains("got SIGTERM"));
    stray(&client, 2);
    call.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn an_unread_log_of_a_failing_backend_delays_no_call_no_probe_and_no_end() {
    let port = free_port();
    let mut child = Command::new(binary("client-service"))
        .env_clear()
        .envs([("HOST", "127.0.0.1"), ("RUST_LOG", "trace"), ("CALL_DEADLINE", "3")])
        // Nobody listens there.
        .envs([("PORT", port.to_string().as_str()), ("BACKEND_URL", "http://127.0.0.1:1")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _unread = child.stderr.take();
    let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    until("the client listens", Duration::from_secs(10), listens);

    let dropped = || {
        let mut metrics = TcpStream::connect(("127.0.0.1", port)).unwrap();
        metrics.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        metrics.read_to_string(&mut text).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix("log_lines_dropped_total "));
        value.unwrap().parse::<u64>().unwrap()
    };
    until("lines are dropped", Duration::from_secs(120), || {
        for path in ["/api/call-backend", "/health"].iter().cycle().take(100) {
            let answer = get(port, path);
            assert!(answer.took < Duration::from_secs(5), "{path}: {answer:?}");
        }
        dropped() > 0
    });
    signal("TERM", child.id());
    let ended = || child.try_wait().unwrap().is_some_and(|status| status.code() == Some(0));
    until("the client ends", Duration::from_secs(5), ended);
}
