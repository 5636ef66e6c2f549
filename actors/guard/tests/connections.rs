//! Connections of clients that send too much, too slowly or nothing, or that do not read: each gets its response, and
//! ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

mod support;

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use actix_connection_guard::Limits;
use resilience_testing::{
    http::{Connection, Request},
    until,
};
use support::{LEFT, Running};

fn statuses(answers: &str) -> Vec<&str> {
    // A message may name a version too: no status follows it.
    let answers = answers.split("HTTP/1.").skip(1);
    answers.filter(|answer| answer[1..].starts_with(' ')).map(|answer| &answer[2..5]).collect()
}

/// Sends all of the request before it reads, as many clients do.
fn send_all_then_read(running: &Running, request: impl AsRef<[u8]>) -> String {
    let mut connection = running.connect();
    connection.say(request);
    connection.rest()
}

#[test]
fn a_large_body_that_no_handler_reads_is_discarded_and_its_sender_gets_the_response() {
    let running = Running::start();
    for (what, status) in [("POST /nothing", "404"), ("POST /take", "413"), ("GET /late", "200")] {
        let request = Request::new(what).body(vec![b' '; 10_000_000]);
        let answers = send_all_then_read(&running, request.bytes());
        assert_eq!(statuses(&answers), [status], "{what}: {answers}");
        assert!(answers.contains("connection: close\r\n"), "{what}: {answers}");
    }
}

#[test]
fn the_rest_of_a_chunked_body_that_no_handler_reads_is_no_request() {
    let running = Running::start();
    let body = [format!("1000\r\n{}\r\n", " ".repeat(4096)).repeat(250), "0\r\n\r\n".into()];
    for (what, status) in [("POST /nothing", "404"), ("POST /take", "413"), ("GET /late", "200")] {
        let head = format!("{what} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n");
        let answers = send_all_then_read(&running, head + &body.concat());
        assert_eq!(statuses(&answers), [status], "{what}: {answers}");
        assert!(answers.contains("connection: close\r\n"), "{what}: {answers}");
    }
}

#[test]
fn an_endless_chunked_body_that_no_handler_reads_ends_the_connection() {
    let running = Running::start();
    let mut connection = running.connect();
    connection.say("POST /nothing HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    let began = Instant::now();
    while connection.try_say(&chunk).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(15), "the server still reads");
    }
}

#[test]
fn a_connection_is_kept_after_a_body_that_was_read() {
    let running = Running::start();
    let sized = Request::new("POST /take").body("{}").bytes();
    let chunked = "POST /take HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\n{}\r\n0\r\n\r\n";
    let mut connection = running.connect();
    for request in [&sized, chunked.as_bytes(), &sized] {
        connection.say(request);
        let answer = connection.answer();
        assert_eq!((answer.status, answer.text.as_str()), (200, "2 bytes"), "{answer:?}");
        assert!(!answer.closes(), "{answer:?}");
    }
}

/// A server that serves one connection, and that connection.
fn full() -> (Running, Connection) {
    let running = Running::with(Limits { connections: 1, ..Limits::default() });
    let mut held = running.connect();
    assert_eq!(held.ask("GET /late").status, 200);
    (running, held)
}

#[test]
fn a_connection_beyond_the_limit_closes_when_its_probe_is_answered() {
    let (running, _held) = full();
    let began = Instant::now();
    let [probe, late] = ["GET /health", "GET /late"].map(|line| Request::new(line).bytes());
    let answers = send_all_then_read(&running, &late);
    assert_eq!(statuses(&answers), ["503"], "{answers}");
    let answers = send_all_then_read(&running, [probe, late.repeat(3)].concat());
    assert_eq!(statuses(&answers)[..2], ["200", "503"], "{answers}");
    assert_eq!(
        answers.matches("connection: close\r\n").count(),
        statuses(&answers).len(),
        "{answers}"
    );
    assert!(began.elapsed() < Duration::from_secs(3), "it stays open");
}

#[test]
fn a_probe_that_arrives_in_parts_is_answered_beyond_the_limit() {
    let (running, _held) = full();
    let mut connection = running.connect();
    connection.socket().set_nodelay(true).unwrap();
    for byte in Request::new("GET /health").bytes() {
        // The server may have refused the connection.
        let _ = connection.try_say([byte]);
        thread::sleep(Duration::from_millis(2));
    }
    let answers = connection.rest();
    assert_eq!(statuses(&answers), ["200"], "{answers}");
}

#[test]
fn a_disconnect_is_detected_even_if_unread_bytes_remain() {
    let running = Running::start();
    let head = "GET /never HTTP/1.1\r\nhost: t\r\n";
    let requests =
        [format!("{head}\r\n"), format!("{head}content-length: 9\r\n\r\n"), format!("{head}\r\n")];
    for (request, more) in requests.iter().zip(["", "{}", "GET /late HTTP/1.1\r\n"]) {
        let before = LEFT.load(Ordering::SeqCst);
        let mut connection = running.connect();
        connection.say(request);
        thread::sleep(Duration::from_millis(100));
        connection.say(more);
        thread::sleep(Duration::from_millis(100));
        drop(connection);
        let what = format!("the end of the handler, with {more:?} unread");
        until(&what, Duration::from_secs(7), || LEFT.load(Ordering::SeqCst) > before);
    }
}

#[test]
fn a_response_may_pause_for_long_but_its_connection_is_idle_when_it_has_ended() {
    let running = Running::start();
    let began = Instant::now();
    let answers = send_all_then_read(&running, Request::new("GET /events").bytes());
    assert!(answers.ends_with("the end\r\n0\r\n\r\n"), "{answers}");
    assert!(began.elapsed() > Duration::from_secs(10), "it may send another request");
}

#[test]
fn garbage_after_a_request_is_refused() {
    let running = Running::start();
    let garbage = b"GET\r\n\r\n".to_vec();
    let asked = [Request::new("GET /health").bytes().repeat(2), garbage.clone()];
    let answers = send_all_then_read(&running, asked.concat());
    assert_eq!(statuses(&answers), ["200", "200", "400"], "{answers}");
    let mut connection = running.connect();
    assert_eq!(connection.ask("GET /health").status, 200);
    connection.say(garbage);
    connection.last_answer().assert_error(400, "Bad Request", "not valid HTTP/1.1");
}

#[test]
fn what_follows_the_last_request_of_a_connection_is_not_answered() {
    let running = Running::start();
    for last in ["GET /health HTTP/1.1\r\nhost: t\r\nconnection: close", "GET /health HTTP/1.0"] {
        let asked = format!("{last}\r\n\r\nGET /health HTTP/1.1\r\nhost: t\r\n\r\n");
        let mut connection = running.connect();
        connection.say(asked);
        let answers = connection.rest();
        assert_eq!(statuses(&answers), ["200", "400"], "{answers}");
    }
}

#[test]
fn a_body_can_be_read_from_another_task() {
    let running = Running::start();
    let mut connection = running.connect();
    connection.say(Request::new("POST /take-elsewhere").body("x".repeat(50_000)).bytes());
    let began = Instant::now();
    assert_eq!(connection.answer().text, "50000 bytes");
    assert!(began.elapsed() < Duration::from_secs(3), "no bytes wait for a timer");
}

#[test]
fn a_large_body_is_read_in_large_steps() {
    let running = Running::start();
    let size = 4_000_000;
    let sized = Request::new("POST /parts").body(vec![b' '; size]).bytes();
    let head = "POST /parts HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = format!("{head}{size:x}\r\n{}\r\n0\r\n\r\n", " ".repeat(size)).into_bytes();
    for request in [sized, chunked] {
        let mut connection = running.connect();
        connection.say(request);
        let text = connection.answer().text;
        let length: usize = text.split(' ').next().unwrap().parse().unwrap();
        assert!(length >= 4_000, "{text}");
    }
}

#[test]
fn requests_behind_a_large_chunked_body_are_answered() {
    let running = Running::start();
    let head = "POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
    let [data, like_the_end] = ["#".repeat(50_000), "\r\n0\r\n\r\n#\r\n0;".to_owned()]
        .map(|data| format!("{:x}\r\n{data}\r\n", data.len()));
    for chunks in [data.repeat(3), format!("{data}{like_the_end}{data}{data}")] {
        let request = format!("{head}{chunks}0\r\n\r\n").into_bytes();
        let health = Request::new("GET /health");
        let requests = [health.bytes().repeat(200), health.close().bytes()].concat();
        let answers = send_all_then_read(&running, [request, requests].concat());
        assert_eq!(statuses(&answers), ["200"; 202]);
        assert!(answers.matches('#').count() >= 150_000);
    }
}

#[test]
fn a_body_may_be_read_while_the_response_is_sent() {
    let running = Running::start();
    let request = Request::new("POST /echo").body("#".repeat(100_000)).bytes();
    let answers = send_all_then_read(&running, request);
    assert_eq!((statuses(&answers), answers.matches('#').count()), (vec!["200"], 100_000));
}

#[test]
fn a_body_that_stops_arriving_ends_with_an_error() {
    let running = Running::with(Limits { body: Duration::from_millis(200), ..Limits::default() });
    let mut connection = running.connect();
    connection.say("POST /take HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n{}");
    assert_eq!(connection.answer().status, 400);
}

#[test]
fn a_head_that_is_too_large_or_too_slow_is_refused() {
    let idle = Duration::from_millis(300);
    let running = Running::with(Limits { idle, head: 1000, ..Limits::default() });
    let large = format!("GET /health HTTP/1.1\r\nx: {}", "x".repeat(2000));
    for (head, status) in [(large.as_str(), "431"), ("GET /health HTTP/1.1\r\nx: ", "408")] {
        let answers = send_all_then_read(&running, head);
        assert_eq!(statuses(&answers), [status], "{answers}");
    }
    assert_eq!(send_all_then_read(&running, ""), "", "an idle connection is closed");
}

#[test]
fn a_head_of_a_later_request_is_refused_when_it_is_too_slow() {
    let idle = Duration::from_millis(300);
    let running = Running::with(Limits { idle, ..Limits::default() });
    let mut connection = running.connect();
    for _ in 0..2 {
        assert_eq!(connection.ask("GET /health").status, 200);
    }
    connection.trickle("GET /health HTTP/1.1\r\nx: ".bytes().chain(std::iter::repeat(b'x')));
    assert_eq!(connection.last_answer().status, 408);
}

#[test]
fn connections_are_counted() {
    let (running, _held) = full();
    assert_eq!(running.connections.counts().served, 1);
    assert_eq!(statuses(&send_all_then_read(&running, Request::new("GET /late").bytes())), ["503"]);
    assert_eq!(running.connections.counts().refused, 1);
}
