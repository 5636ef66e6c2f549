//! The start and the shutdown of the server. Signals are tested with the real binaries.

#![allow(clippy::disallowed_methods, reason = "real connections take real time")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, HttpServer, web};
use resilience_testing::{
    Answer, PATIENCE,
    http::{Connection, Request},
    process::free_port,
};
use service_edge::{CommonSettings, Drain, Metrics, Routes, Settings, app, endpoint, serve};
use tokio::sync::watch;

/// A client repeats a dropped SYN after one second, so a faster connect was not dropped.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Time for which new connections are answered after the shutdown has begun, if they keep arriving: a quarter of
/// `SHUTDOWN_TIMEOUT`.
const LISTENING: Duration = Duration::from_secs(2);

fn common(port: u16) -> CommonSettings {
    let pairs = [("HOST", "127.0.0.1"), ("WORKERS", "1"), ("SHUTDOWN_TIMEOUT", "8")];
    CommonSettings::read(&mut Settings::from_pairs(&pairs), port).unwrap()
}

/// A server whose shutdown has begun while a request is in flight.
struct Ending {
    address: SocketAddr,
    since: Instant,
    slow: thread::JoinHandle<Answer>,
    server: thread::JoinHandle<io::Result<()>>,
}

impl Ending {
    /// Begins the shutdown. Dropping the returned sender lets the request in flight end.
    fn begin(end: fn(&Drain)) -> (Self, watch::Sender<()>) {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let drain = Drain::new();
        let (hold, held) = watch::channel(());
        let (begun, has_begun) = mpsc::channel();
        let routes = move |routes: &mut Routes<'_>| {
            let (begun, held) = (begun.clone(), held.clone());
            let slow = move || {
                begun.send(()).unwrap();
                let mut held = held.clone();
                async move {
                    let dropped = held.changed().await;
                    assert!(dropped.is_err());
                    HttpResponse::Ok().finish()
                }
            };
            routes.service(endpoint("/slow").get(slow, |it| it));
        };
        let served = drain.clone();
        let server = thread::spawn(move || {
            let common = common(address.port());
            let server = serve("test", &common, served, Metrics::new("1"), routes);
            actix_web::rt::System::new().block_on(server)
        });
        let slow = thread::spawn(move || {
            loop {
                if let Ok(connection) = Connection::try_to(address) {
                    return get(connection, "/slow");
                }
            }
        });
        has_begun.recv().unwrap();
        end(&drain);
        (Self { address, since: Instant::now(), slow, server }, hold)
    }

    /// Opens a new connection. Returns its answer, or `None` if it is refused.
    fn open_connection(&self) -> Option<Answer> {
        let (after, begun) = (self.since.elapsed(), Instant::now());
        let connected = TcpStream::connect_timeout(&self.address, Duration::from_secs(10));
        let took = begun.elapsed();
        assert!(took < AT_ONCE, "{connected:?} took {took:?}, {after:?} after the shutdown began");
        match connected {
            Ok(stream) => Some(get(stream.into(), "/ready")),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "after {after:?}");
                None
            }
        }
    }

    /// Opens new connections until one is refused. Returns for how long they were answered.
    fn answers_for(&self) -> Duration {
        while let Some(answer) = self.open_connection() {
            assert_eq!((answer.status, answer.closes()), (503, true), "{answer:?}");
            assert!(self.since.elapsed() < LISTENING * 2, "it continues to listen");
        }
        self.since.elapsed()
    }
}

/// The only answer on a connection, which the server closes after it.
fn get(mut connection: Connection, path: &str) -> Answer {
    let answer = connection.ask(format!("GET {path}"));
    assert_eq!(connection.rest(), "", "{answer:?}");
    answer
}

#[test]
fn new_connections_during_shutdown_are_answered_and_then_refused_without_delay() {
    let (ending, hold) = Ending::begin(Drain::begin);
    drop(hold);
    assert!(ending.answers_for() >= LISTENING, "new connections kept arriving");
    while !ending.server.is_finished() {
        assert!(ending.open_connection().is_none());
    }
    assert!(ending.server.join().unwrap().is_ok());
}

#[test]
fn the_listener_closes_while_a_slow_request_is_finished() {
    let (ending, hold) = Ending::begin(Drain::begin);
    assert!(ending.answers_for() >= LISTENING, "new connections kept arriving");
    // No other socket can listen on the address while a handle is open.
    while TcpListener::bind(ending.address).is_err() {
        assert!(ending.open_connection().is_none());
        assert!(ending.since.elapsed() < LISTENING * 3, "the listener stays open");
    }
    assert!(!ending.slow.is_finished());
    drop(hold);
    assert_eq!(ending.slow.join().unwrap().status, 200);
    assert!(ending.server.join().unwrap().is_ok());
}

#[test]
fn a_failed_process_refuses_new_connections_once_requests_in_flight_are_finished() {
    let (ending, hold) = Ending::begin(|drain| drain.fail("the actor died"));
    drop(hold);
    assert!(ending.answers_for() < LISTENING, "others may be able to answer");
    assert!(ending.server.join().unwrap().is_err());
}

#[actix_web::test]
async fn port_in_use_is_an_error_that_names_the_address() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap();
    let error = serve(
        "test",
        &common(address.port()),
        Drain::new(),
        Metrics::new("1"),
        |_: &mut Routes<'_>| (),
    )
    .await
    .unwrap_err()
    .to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[actix_web::test]
async fn a_requested_shutdown_is_no_error() {
    let drain = Drain::new();
    drain.begin();
    let common = common(0);
    let served = serve("test", &common, drain, Metrics::new("1"), |_: &mut Routes<'_>| ());
    let ended = tokio::time::timeout(PATIENCE, served).await;
    assert!(ended.unwrap().is_ok());
}

#[actix_web::test]
async fn failure_ends_the_server_with_its_reason() {
    let drain = Drain::new();
    let failing = drain.clone();
    // Simulates an actor that dies while the server runs.
    actix_web::rt::spawn(async move { failing.fail("the actor died") });
    let common = common(0);
    let served = serve("test", &common, drain, Metrics::new("1"), |_: &mut Routes<'_>| ());
    let ended = tokio::time::timeout(PATIENCE, served).await;
    assert_eq!(ended.unwrap().unwrap_err().to_string(), "the actor died");
}

#[actix_web::test]
async fn a_panic_ends_neither_its_connection_nor_its_worker() {
    async fn panic_on_purpose() -> HttpResponse {
        panic!("on purpose")
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let routes = |routes: &mut Routes<'_>| {
        routes.service(endpoint("/panic").get(panic_on_purpose, |it| it));
    };
    let server =
        HttpServer::new(move || app(Drain::new(), None, Metrics::new("1"), routes)).workers(1);
    let server = server.disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    let client = thread::spawn(move || {
        let mut connection = Connection::to(address);
        let panic = Request::new("GET /panic");
        connection.say([panic.bytes(), panic.close().bytes()].concat());
        let answers = [connection.answer(), connection.answer()];
        assert_eq!(connection.rest(), "", "{answers:?}");
        answers
    });
    let (ended, ()) = tokio::join!(server, async {
        let answers = web::block(move || client.join().unwrap()).await.unwrap();
        for answer in answers {
            answer.assert_error(500, "Internal Server Error", "");
        }
        handle.stop(true).await;
    });
    assert!(ended.is_ok());
}
