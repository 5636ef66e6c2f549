//! The server's beginning and end. What signals do is tested with the real binaries.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use actix_web::{
    HttpResponse, HttpServer,
    web::{self, ServiceConfig},
};
use service_edge::{CommonSettings, Drain, Metrics, Settings, app, endpoint, serve};

fn common(port: u16) -> CommonSettings {
    let mut settings = Settings::from_pairs(&[("HOST", "127.0.0.1"), ("WORKERS", "1")]);
    CommonSettings::read(&mut settings, port).unwrap()
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
        |_: &mut ServiceConfig| (),
    )
    .await
    .unwrap_err()
    .to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[actix_web::test]
async fn end_that_is_asked_for_is_no_error() {
    let drain = Drain::new();
    drain.begin();
    let common = common(0);
    let served = serve("test", &common, drain, Metrics::new("1"), |_: &mut ServiceConfig| ());
    let ended = tokio::time::timeout(Duration::from_secs(30), served).await;
    assert!(ended.unwrap().is_ok());
}

#[actix_web::test]
async fn failure_ends_the_server_with_its_reason() {
    let drain = Drain::new();
    let failing = drain.clone();
    // As an actor that dies while the server runs.
    actix_web::rt::spawn(async move { failing.fail("the actor died") });
    let common = common(0);
    let served = serve("test", &common, drain, Metrics::new("1"), |_: &mut ServiceConfig| ());
    let ended = tokio::time::timeout(Duration::from_secs(30), served).await;
    assert_eq!(ended.unwrap().unwrap_err().to_string(), "the actor died");
}

#[actix_web::test]
async fn panic_costs_neither_the_connection_nor_the_only_worker() {
    async fn fall() -> HttpResponse {
        panic!("on purpose")
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let routes = |config: &mut ServiceConfig| {
        config.service(endpoint("/panic").get(fall));
    };
    let server =
        HttpServer::new(move || app(Drain::new(), None, Metrics::new("1"), routes)).workers(1);
    let server = server.disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let ask = b"GET /panic HTTP/1.1\r\nHost: e\r\n\r\nGET /panic HTTP/1.1\r\nHost: e\r\n\
            Connection: close\r\n\r\n";
        stream.write_all(ask).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    });
    let (ended, ()) = tokio::join!(server, async {
        let answers = web::block(move || client.join().unwrap()).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 500 ").count(), 2, "{answers}");
        assert_eq!(answers.matches(r#""error":"Internal Server Error""#).count(), 2, "{answers}");
        handle.stop(true).await;
    });
    assert!(ended.is_ok());
}
