//! An upstream in another language: `upstream.py`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    thread,
};

use resilience_testing::http::{Connection, Request};

use super::gateway::{gateway, peak_memory};

/// Ends with the test.
struct Python(Child, String);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn upstream() -> Python {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/upstream.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs python3");
    let mut port = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
    Python(child, format!("http://127.0.0.1:{}", port.trim()))
}

#[test]
fn requests_of_all_kinds_reach_an_upstream_in_python() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "");
    let mut caller = gateway.connect();
    for method in ["GET", "DELETE", "OPTIONS"] {
        let answer = caller.ask(format!("{method} /upstreams/u/cups?size=1"));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            (&answer.body["method"], &answer.body["path"]),
            (&method.into(), &"/cups?size=1".into())
        );
    }
    caller.send("HEAD /upstreams/u/cups");
    let head = caller.head();
    assert_eq!(head.status, 200);
    assert!(head.header("content-length").is_some());
    for (size, is_held) in [(0, true), (5, true), (65_536, true), (65_537, false), (1 << 20, false)]
    {
        for method in ["POST", "PUT"] {
            let request = Request::new(format!("{method} /upstreams/u/")).body(vec![1; size]);
            let answer = caller.ask(request);
            assert_eq!((answer.status, answer.number("size")), (200, size as u64), "{answer:?}");
            assert_eq!(answer.body["chunked"], false, "{size} {is_held}");
        }
    }
}

#[test]
fn a_get_has_no_headers_that_its_caller_did_not_send_but_those_of_the_gateway() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "");
    let seen = gateway.get("/upstreams/u/");
    for added_by_awc in ["date", "content-length", "accept-encoding"] {
        assert_eq!(seen.body["headers"].get(added_by_awc), None, "{seen:?}");
    }
    assert_eq!(seen.body["headers"]["via"].as_str().map(|via| &via[..4]), Some("1.1 "));
}

fn chunked_head(path: &str) -> String {
    format!("POST /upstreams/u{path} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n")
}

#[test]
fn chunked_bodies_reach_an_upstream_in_python() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "");
    let mut caller = gateway.connect();
    for (chunks, is_held) in [(1, true), (3, true), (100, false)] {
        let chunk = [b"1000\r\n", &[1; 0x1000][..], b"\r\n"].concat();
        caller.say([chunked_head("/").as_bytes(), &chunk.repeat(chunks), b"0\r\n\r\n"].concat());
        let answer = caller.answer();
        let size = chunks as u64 * 0x1000;
        assert_eq!((answer.status, answer.number("size")), (200, size), "{answer:?}");
        assert_eq!(answer.body["chunked"], !is_held, "{chunks}");
    }
}

/// Bytes that repeat after a prime number of them.
fn pattern(length: usize) -> Vec<u8> {
    (0..251_u8).cycle().take(length).collect()
}

#[test]
fn a_gibibyte_arrives_byte_for_byte() {
    const SIZE: usize = 1 << 30;
    // Of the first `SIZE` bytes of the pattern.
    const SHA256: &str = "9cc5601236c455c6af19a76e64d2d95953a93b10eeb8b8b756a57090e1499b3e";
    const MEMORY: u64 = 16 * 1024 * 1024;
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "call_deadline = 600");
    let before = peak_memory(&gateway);
    let mut caller = gateway.connect();
    caller.say(format!("POST /upstreams/u/ HTTP/1.1\r\nhost: t\r\ncontent-length: {SIZE}\r\n\r\n"));
    let mut body = caller.socket().try_clone().unwrap();
    let sending = thread::spawn(move || {
        let (part, mut left) = (pattern(251 * 4096), SIZE);
        while left > 0 {
            let size = left.min(part.len());
            body.write_all(&part[..size]).unwrap();
            left -= size;
        }
    });
    sending.join().unwrap();
    let answer = caller.answer();
    assert_eq!((answer.status, answer.number("size")), (200, SIZE as u64), "{answer:?}");
    assert_eq!(answer.body["sha256"], SHA256);
    let grown = peak_memory(&gateway) - before;
    assert!(grown < MEMORY, "{grown} bytes");
}

#[test]
fn events_of_an_upstream_in_python_arrive_one_by_one() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/events");
    let text = caller.lines_until("data: 0");
    assert!(text.contains("content-type: text/event-stream") && !text.contains("data: 1"));
    caller.lines_until("data: 2");
    caller.lines_until("0\r\n\r\n");
}

/// The connection carries a next request, which is answered by its own answer.
fn goes_on(caller: &mut Connection) {
    let next = caller.ask("GET /upstreams/u/next");
    assert_eq!((next.status, &next.body["path"]), (200, &"/next".into()), "{next:?}");
}

#[test]
fn trailers_of_an_upstream_are_dropped_and_the_connections_go_on() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "retry_max_attempts = 1");
    let mut caller = gateway.connect();
    for _ in 0..3 {
        caller.send("GET /upstreams/u/trailers");
        let answer = caller.lines_until("0\r\n\r\n");
        assert!(answer.contains("with a trailer") && !answer.contains("um: 1"), "{answer}");
        goes_on(&mut caller);
    }
}

#[test]
fn trailers_of_a_caller_do_not_reach_the_upstream() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "retry_max_attempts = 1");
    for chunk in [&b"5\r\nabcde\r\n"[..], &[b"20000\r\n", &[1; 0x20000][..], b"\r\n"].concat()] {
        let mut caller = gateway.connect();
        caller.say([chunked_head("/").as_bytes(), chunk, b"0\r\nX-Sum: 1\r\n\r\n"].concat());
        let answer = caller.answer();
        assert_eq!(
            (answer.status, answer.body["trailers"].clone()),
            (200, [(); 0].as_slice().into())
        );
    }
}

#[test]
fn answers_without_a_body_leave_the_connections_usable() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "retry_max_attempts = 1");
    let mut caller = gateway.connect();
    for _ in 0..3 {
        caller.send("GET /upstreams/u/unchanged");
        let unchanged = caller.head();
        assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some("\"1\"")));
        goes_on(&mut caller);
        caller.send("HEAD /upstreams/u/head");
        assert_eq!(caller.head().status, 200);
        goes_on(&mut caller);
    }
}

#[test]
fn the_gateway_asks_for_an_expected_body_itself() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "");
    for size in [1_000, 1_000_000] {
        let mut caller = gateway.connect();
        let expect = "expect: 100-continue\r\n";
        caller.say(format!(
            "POST /upstreams/u/ HTTP/1.1\r\nhost: t\r\n{expect}content-length: {size}\r\n\r\n"
        ));
        caller.lines_until("HTTP/1.1 100 Continue\r\n");
        assert_eq!(caller.lines_until("\r\n"), "\r\n");
        caller.say(vec![b'x'; size]);
        let answer = caller.answer();
        assert_eq!((answer.status, answer.number("size")), (200, size as u64), "{answer:?}");
        assert_eq!(answer.body["headers"].get("expect"), None);
        goes_on(&mut caller);
    }
}

#[test]
fn an_upstream_in_python_refuses_a_body_in_its_middle() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "breaker_fail_max = 1");
    for framing in ["content-length: 1073741824", "transfer-encoding: chunked"] {
        let mut caller = gateway.connect();
        caller.say(format!("POST /upstreams/u/small HTTP/1.1\r\nhost: t\r\n{framing}\r\n\r\n"));
        let chunk = [b"100000\r\n", &[b'x'; 0x10_0000][..], b"\r\n"].concat();
        caller.say(chunk.repeat(2));
        let answer = caller.answer();
        assert_eq!((answer.status, answer.text.as_str()), (413, "too large"), "{framing}");
        assert_eq!(answer.header("x-resilience-state"), Some("closed"));
    }
}

#[test]
fn an_upgrade_is_refused_before_it_reaches_an_upstream() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "");
    let request = Request::new("GET /upstreams/u/socket").headers(
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    );
    let answer = gateway.ask(request);
    answer.assert_error(501, "Not Implemented", "websocket");
    assert_eq!(answer.header("x-resilience-attempts"), Some("0"));
}
