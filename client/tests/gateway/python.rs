//! An upstream in another language.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use resilience_testing::http::Request;

use super::gateway::gateway;

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
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!((answer.number("size"), answer.number("sum")), (size as u64, size as u64));
            assert_eq!(answer.body["chunked"], false, "{size} {is_held}");
        }
    }
}

#[test]
fn chunked_bodies_reach_an_upstream_in_python() {
    let upstream = upstream();
    let gateway = gateway(&upstream.1, "");
    let mut caller = gateway.connect();
    for (chunks, is_held) in [(1, true), (3, true), (100, false)] {
        let mut bytes =
            b"POST /upstreams/u/ HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n"
                .to_vec();
        for _ in 0..chunks {
            bytes.extend_from_slice(b"1000\r\n");
            bytes.extend_from_slice(&[1; 0x1000]);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        caller.say(bytes);
        let answer = caller.answer();
        assert_eq!((answer.status, answer.number("size")), (200, chunks * 0x1000), "{answer:?}");
        assert_eq!(answer.body["chunked"], !is_held, "{chunks}");
    }
}
