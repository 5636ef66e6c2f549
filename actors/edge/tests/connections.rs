//! Connections whose peers are not as one would like them: they get their answer, no other, and an end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]
#![allow(clippy::disallowed_methods, reason = "real connections take real time")]

use std::{
    convert::Infallible,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, ServiceConfig},
};
use futures::stream;
use service_edge::{
    CommonSettings, Drain, JsonBody, Metrics, Settings, connections::expendable, endpoint, serve,
};

/// A server that goes on until it is dropped.
struct Running {
    address: SocketAddr,
    drain: Drain,
}

impl Running {
    fn start() -> Self {
        Self::with_places("10")
    }

    fn with_places(max_connections: &'static str) -> Self {
        // As nobody can be told which port a server chose.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let drain = Drain::new();
        let ending = drain.clone();
        thread::spawn(move || {
            let variables =
                [("HOST", "127.0.0.1"), ("WORKERS", "1"), ("MAX_CONNECTIONS", max_connections)];
            let mut settings = Settings::from_pairs(&variables);
            let common = CommonSettings::read(&mut settings, address.port()).unwrap();
            let server = serve("test", &common, ending, Metrics::new("1"), routes);
            actix_web::rt::System::new().block_on(server).unwrap();
        });
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "no server");
            thread::sleep(Duration::from_millis(5));
        }
        Self { address, drain }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drain.begin();
    }
}

/// How many who asked for `/never` were noticed to have left.
static LEFT: AtomicUsize = AtomicUsize::new(0);

struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        LEFT.fetch_add(1, Ordering::SeqCst);
    }
}

fn routes(config: &mut ServiceConfig) {
    async fn take(_: JsonBody<serde_json::Map<String, serde_json::Value>>) -> HttpResponse {
        HttpResponse::Ok().body("taken")
    }
    async fn late() -> HttpResponse {
        tokio::time::sleep(Duration::from_millis(300)).await;
        HttpResponse::Ok().body("late")
    }
    async fn never() -> HttpResponse {
        let _left = Left;
        std::future::pending().await
    }
    async fn stream(request: HttpRequest) -> HttpResponse {
        let kept = expendable(&request);
        HttpResponse::Ok().streaming(stream::once(async move {
            let _kept = kept;
            tokio::time::sleep(Duration::from_secs(6)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"the end"))
        }))
    }
    config.service(endpoint("/stream").get(stream));
    config.service(endpoint("/never").get(never));
    config.service(endpoint("/take").post(take));
    config.service(endpoint("/health").get(HttpResponse::Ok));
    config.service(endpoint("/late").get(late));
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

/// Many clients send all of their request before they look for an answer.
fn send_it_all_then_read(running: &Running, request: &[u8]) -> String {
    let mut stream = running.connect();
    stream.write_all(request).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers
}

#[test]
fn one_who_sends_a_large_body_that_nobody_reads_gets_its_answer() {
    let running = Running::start();
    let body = vec![b' '; 10_000_000];
    for (what, status) in [("POST /nothing", "404"), ("POST /take", "413"), ("GET /late", "200")] {
        let head = format!("{what} HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n", body.len());
        let answers = send_it_all_then_read(&running, &[head.as_bytes(), &body].concat());
        assert_eq!(statuses(&answers), [status], "{what}: {answers}");
        assert!(answers.contains("connection: close\r\n"), "{what}: {answers}");
    }
}

#[test]
fn the_rest_of_chunks_that_nobody_reads_is_no_request() {
    let running = Running::start();
    let body = [format!("1000\r\n{}\r\n", " ".repeat(4096)).repeat(250), "0\r\n\r\n".into()];
    for (what, status) in [("POST /nothing", "404"), ("POST /take", "413"), ("GET /late", "200")] {
        let head = format!("{what} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n");
        let answers = send_it_all_then_read(&running, (head + &body.concat()).as_bytes());
        assert_eq!(statuses(&answers), [status], "{what}: {answers}");
        assert!(answers.contains("connection: close\r\n"), "{what}: {answers}");
    }
}

#[test]
fn chunks_without_end_that_nobody_reads_end_after_all() {
    let running = Running::start();
    let mut stream = running.connect();
    let head = "POST /nothing HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    let began = Instant::now();
    while stream.write_all(chunk.as_bytes()).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(15), "it is still read");
    }
}

#[test]
fn a_body_that_was_read_ends_no_connection() {
    let running = Running::start();
    let head = "POST /take HTTP/1.1\r\nhost: t\r\n";
    let sized = format!("{head}content-length: 2\r\n\r\n{{}}");
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
    let mut stream = running.connect();
    for request in [&sized, &chunked, &sized] {
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        while !answer.ends_with("taken") {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).unwrap();
            assert!(length > 0, "closed after {answer:?}");
            answer.push_str(&String::from_utf8_lossy(&part[..length]));
        }
        assert_eq!(statuses(&answer), ["200"], "{answer}");
        assert!(!answer.contains("connection: close\r\n"), "{answer}");
    }
}

/// A server whose only place is taken by what comes with it.
fn full() -> (Running, TcpStream) {
    let running = Running::with_places("1");
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        assert!(Instant::now() < until, "no place");
        let mut stream = running.connect();
        stream.write_all(b"GET /late HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).unwrap();
        if String::from_utf8_lossy(&answer[..length]).contains(" 200 OK") {
            return (running, stream);
        }
    }
}

#[test]
fn one_without_a_place_goes_when_its_probe_is_answered() {
    let (running, _held) = full();
    let began = Instant::now();
    let probe = "GET /health HTTP/1.1\r\nhost: t\r\n\r\n";
    let answers = send_it_all_then_read(&running, probe.replace("health", "late").as_bytes());
    assert_eq!(statuses(&answers), ["503"], "{answers}");
    let more = probe.to_owned() + &probe.replace("health", "late").repeat(3);
    let answers = send_it_all_then_read(&running, more.as_bytes());
    assert_eq!(statuses(&answers)[..2], ["200", "503"], "{answers}");
    assert_eq!(
        answers.matches("connection: close\r\n").count(),
        statuses(&answers).len(),
        "{answers}"
    );
    assert!(began.elapsed() < Duration::from_secs(3), "it stays in the doorway");
}

#[test]
fn a_probe_that_comes_in_parts_is_served_without_a_place() {
    let (running, _held) = full();
    let mut stream = running.connect();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /health HTTP/1.1\r\nhost: t\r\n\r\n" {
        // It may have been refused.
        let _ = stream.write_all(&[*byte]);
        thread::sleep(Duration::from_millis(2));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(statuses(&answer), ["200"], "{answer}");
}

#[test]
fn who_leaves_is_missed_even_if_what_it_sent_was_not_read() {
    let running = Running::start();
    let head = "GET /never HTTP/1.1\r\nhost: t\r\n";
    let requests =
        [format!("{head}\r\n"), format!("{head}content-length: 9\r\n\r\n"), format!("{head}\r\n")];
    for (request, more) in requests.iter().zip(["", "{}", "GET /late HTTP/1.1\r\n"]) {
        let before = LEFT.load(Ordering::SeqCst);
        let mut stream = running.connect();
        stream.write_all(request.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(100));
        stream.write_all(more.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(100));
        drop(stream);
        let until = Instant::now() + Duration::from_secs(7);
        while LEFT.load(Ordering::SeqCst) == before {
            assert!(Instant::now() < until, "it is still worked for, with {more:?} unread");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_stream_may_be_silent_but_its_connection_not_when_it_has_ended() {
    let running = Running::start();
    let began = Instant::now();
    let answers = send_it_all_then_read(&running, b"GET /stream HTTP/1.1\r\nhost: t\r\n\r\n");
    assert!(answers.ends_with("the end\r\n0\r\n\r\n"), "{answers}");
    assert!(began.elapsed() > Duration::from_secs(10), "it may ask for more");
}

#[test]
fn garbage_behind_a_request_is_refused_in_words() {
    let running = Running::start();
    let asked = "GET /health HTTP/1.1\r\nhost: t\r\n\r\n".repeat(2) + "GET\r\n\r\n";
    let answers = send_it_all_then_read(&running, asked.as_bytes());
    assert_eq!(statuses(&answers), ["200", "200", "400"], "{answers}");
    assert!(answers.contains(r#""error":"Bad Request""#), "{answers}");
}
