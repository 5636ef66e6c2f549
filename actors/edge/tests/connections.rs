//! Connections whose peers are not as one would like them: they get their answer, no other, and an end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]
#![allow(clippy::disallowed_methods, reason = "real connections take real time")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, ServiceConfig},
};
use futures::stream;
use resilience_testing::{
    PATIENCE,
    http::{Connection, Request},
    process::free_port,
    until,
};
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
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
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
        until("a server", PATIENCE, || Connection::try_to(address).is_ok());
        Self { address, drain }
    }

    fn connect(&self) -> Connection {
        Connection::to(self.address)
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
fn send_it_all_then_read(running: &Running, request: impl AsRef<[u8]>) -> String {
    let mut connection = running.connect();
    connection.say(request);
    connection.rest()
}

#[test]
fn one_who_sends_a_large_body_that_nobody_reads_gets_its_answer() {
    let running = Running::start();
    for (what, status) in [("POST /nothing", "404"), ("POST /take", "413"), ("GET /late", "200")] {
        let request = Request::new(what).body(vec![b' '; 10_000_000]);
        let answers = send_it_all_then_read(&running, request.bytes());
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
        let answers = send_it_all_then_read(&running, head + &body.concat());
        assert_eq!(statuses(&answers), [status], "{what}: {answers}");
        assert!(answers.contains("connection: close\r\n"), "{what}: {answers}");
    }
}

#[test]
fn chunks_without_end_that_nobody_reads_end_after_all() {
    let running = Running::start();
    let mut connection = running.connect();
    connection.say("POST /nothing HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    let began = Instant::now();
    while connection.try_say(&chunk).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(15), "it is still read");
    }
}

#[test]
fn a_body_that_was_read_ends_no_connection() {
    let running = Running::start();
    let sized = Request::new("POST /take").body("{}").bytes();
    let chunked = "POST /take HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\n{}\r\n0\r\n\r\n";
    let mut connection = running.connect();
    for request in [&sized, chunked.as_bytes(), &sized] {
        connection.say(request);
        let answer = connection.answer();
        assert_eq!((answer.status, answer.text.as_str()), (200, "taken"), "{answer:?}");
        assert!(!answer.closes(), "{answer:?}");
    }
}

/// A server whose only place is taken by what comes with it.
fn full() -> (Running, Connection) {
    let running = Running::with_places("1");
    let mut held = None;
    until("a place", PATIENCE, || {
        let mut connection = running.connect();
        let has_a_place = connection.ask("GET /late").status == 200;
        held = Some(connection);
        has_a_place
    });
    (running, held.unwrap())
}

#[test]
fn one_without_a_place_goes_when_its_probe_is_answered() {
    let (running, _held) = full();
    let began = Instant::now();
    let [probe, late] = ["GET /health", "GET /late"].map(|line| Request::new(line).bytes());
    let answers = send_it_all_then_read(&running, &late);
    assert_eq!(statuses(&answers), ["503"], "{answers}");
    let answers = send_it_all_then_read(&running, [probe, late.repeat(3)].concat());
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
    let mut connection = running.connect();
    connection.socket().set_nodelay(true).unwrap();
    for byte in Request::new("GET /health").bytes() {
        // It may have been refused.
        let _ = connection.try_say([byte]);
        thread::sleep(Duration::from_millis(2));
    }
    let answers = connection.rest();
    assert_eq!(statuses(&answers), ["200"], "{answers}");
}

#[test]
fn who_leaves_is_missed_even_if_what_it_sent_was_not_read() {
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
        let what = format!("it is no longer worked for, with {more:?} unread");
        until(&what, Duration::from_secs(7), || LEFT.load(Ordering::SeqCst) > before);
    }
}

#[test]
fn a_stream_may_be_silent_but_its_connection_not_when_it_has_ended() {
    let running = Running::start();
    let began = Instant::now();
    let answers = send_it_all_then_read(&running, Request::new("GET /stream").bytes());
    assert!(answers.ends_with("the end\r\n0\r\n\r\n"), "{answers}");
    assert!(began.elapsed() > Duration::from_secs(10), "it may ask for more");
}

#[test]
fn garbage_behind_a_request_is_refused_in_words() {
    let running = Running::start();
    let asked = [Request::new("GET /health").bytes().repeat(2), b"GET\r\n\r\n".to_vec()];
    let answers = send_it_all_then_read(&running, asked.concat());
    assert_eq!(statuses(&answers), ["200", "200", "400"], "{answers}");
    assert!(answers.contains(r#""error":"Bad Request""#), "{answers}");
}
