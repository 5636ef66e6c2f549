//! Slow callers, and slow upstreams of uploads: what each says about the upstream.

use std::{
    io::Read as _,
    net::{Shutdown, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use resilience_testing::{
    http::Connection,
    process::Process,
    server::{Gate, Server, http, ok},
};

use super::gateway::{gateway, gateway_with, raw_upstream, read_head, say};

/// One failure opens the circuit.
const STRICT: &str = "breaker_fail_max = 1\nretry_max_attempts = 1";

/// A caller that has been waited for this long is slow.
const SLOW: Duration = Duration::from_millis(1_200);

const LARGE: usize = 16 * 1024 * 1024;

fn upload(gateway: &Process, path: &str, length: usize) -> Connection {
    let mut caller = gateway.connect();
    caller.say(format!(
        "POST /upstreams/u{path} HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n"
    ));
    caller
}

fn is_closed(gateway: &Process) {
    let next = gateway.get("/upstreams/u/");
    assert_eq!((next.status, next.header("x-resilience-state")), (200, Some("closed")));
}

/// Answers a GET, and hangs up on any other request some time after its first bytes.
fn impatient(patience: Duration) -> String {
    raw_upstream(move |mut stream| {
        while read_head_or_end(&mut stream).is_some_and(|head| head.starts_with("GET")) {
            say(&mut stream, ok("{}"));
        }
        let _ = stream.read(&mut [0; 100]);
        thread::sleep(patience);
        let _ = stream.shutdown(Shutdown::Both);
    })
}

fn read_head_or_end(stream: &mut TcpStream) -> Option<String> {
    (stream.peek(&mut [0]).unwrap_or(0) > 0).then(|| read_head(stream))
}

#[test]
fn fifty_slow_callers_open_no_breaker() {
    let gateway = gateway(&impatient(SLOW), STRICT);
    let mut callers: Vec<_> = (0..50).map(|_| upload(&gateway, "/", LARGE)).collect();
    for caller in &mut callers {
        caller.say([b'x'; 100_000]);
    }
    for caller in &mut callers {
        let answer = caller.answer();
        answer.assert_error(502, "Bad Gateway", "while the gateway waited for a slow caller");
    }
    is_closed(&gateway);
}

#[test]
fn an_upstream_that_hangs_up_at_once_is_a_failure() {
    let gateway = gateway(&impatient(Duration::ZERO), STRICT);
    let mut caller = upload(&gateway, "/", LARGE);
    caller.say([b'x'; 100_000]);
    let answer = caller.answer();
    answer.assert_error(502, "Bad Gateway", "upstream u: unreachable");
    assert_eq!(answer.header("x-resilience-state"), Some("open"));
}

#[test]
fn an_upstream_that_hangs_up_on_a_slow_reader_is_no_failure() {
    let (hung_up, gone) = mpsc::channel();
    let upstream = raw_upstream(move |mut stream| {
        while let Some(head) = read_head_or_end(&mut stream) {
            if !head.starts_with("GET /upstreams/u/large") && !head.starts_with("GET /large") {
                say(&mut stream, ok("{}"));
                continue;
            }
            say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
            stream.set_write_timeout(Some(SLOW)).unwrap();
            let part = vec![b'x'; 64 * 1024];
            while std::io::Write::write_all(&mut stream, &part).is_ok() {}
            break;
        }
        drop(stream);
        let _ = hung_up.send(());
    });
    let gateway = gateway(&upstream, STRICT);
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/large");
    gone.recv().unwrap();
    // What is on its way takes the reader some time more.
    thread::sleep(SLOW);
    assert!(!caller.rest_or_part().is_empty());
    gateway.wait_for_log("an answer to a slow caller ended early");
    is_closed(&gateway);
}

#[test]
fn the_timeout_begins_anew_when_a_slow_upstream_takes_a_part() {
    let upstream = raw_upstream(|mut stream| {
        read_head(&mut stream);
        let mut part = vec![0; LARGE / 16];
        for _ in 0..32 {
            stream.read_exact(&mut part).unwrap();
            thread::sleep(Duration::from_millis(100));
        }
        say(&mut stream, http("201 Created", "", "all of it"));
    });
    // What the kernel has of the body when it is sent takes the upstream a part of the second.
    let gateway =
        gateway(&upstream, "attempt_timeout = 2\nconnect_timeout = 1\nretry_max_attempts = 1");
    let mut caller = upload(&gateway, "/", 2 * LARGE);
    let part = vec![b'x'; LARGE];
    for _ in 0..2 {
        caller.say(&part);
    }
    let answer = caller.answer();
    assert_eq!((answer.status, answer.text.as_str()), (201, "all of it"), "{answer:?}");
}

#[test]
fn an_upstream_that_takes_nothing_of_a_body_is_a_failure() {
    let gate = Arc::new(Gate::default());
    let passing = Arc::clone(&gate);
    let upstream = raw_upstream(move |mut stream| {
        read_head(&mut stream);
        passing.pass();
    });
    let settings = format!(
        "{STRICT}\nattempt_timeout = 25\nbreaker_trial_lease = 25\nbody_idle_timeout = 0.5"
    );
    let gateway = gateway(&upstream, &settings);
    let mut caller = upload(&gateway, "/", 4 * LARGE);
    let mut body = caller.socket().try_clone().unwrap();
    thread::spawn(move || {
        let part = vec![b'x'; LARGE];
        while std::io::Write::write_all(&mut body, &part).is_ok() {}
    });
    let answer = caller.answer();
    answer.assert_error(502, "Bad Gateway", "took nothing of the body for 0.500s");
    assert_eq!(answer.header("x-resilience-state"), Some("open"));
    gate.set(true);
}

#[test]
fn a_trial_with_a_slow_caller_does_not_open_the_circuit_again() {
    let upstream = Server::start(|mut peer| {
        while let Some(head) = peer.request() {
            peer.say(if head.starts_with("GET /bad") {
                http("500 Internal Server Error", "", "")
            } else {
                ok("{}")
            });
        }
    });
    let settings = format!(
        "{STRICT}\nbreaker_reset_timeout = 0.3\nbreaker_trial_lease = 0.5\nattempt_timeout = 0.4\nconnect_timeout = 0.2"
    );
    let gateway = gateway_with(&upstream.url(), &settings, &[("RETRY_BODY_BYTES", "0")]);
    assert_eq!(gateway.get("/upstreams/u/bad").header("x-resilience-state"), Some("open"));
    thread::sleep(Duration::from_millis(350));
    let mut caller = upload(&gateway, "/", 20);
    caller.trickle([b'x'; 20].into_iter());
    let answer = caller.answer();
    assert_eq!((answer.status, answer.header("x-resilience-state")), (200, Some("closed")));
    assert_eq!(gateway.logged("half-open -> open"), 0, "{}", gateway.log());
}
