//! The real binary: open event streams do not delay the shutdown, and streams that are read end properly.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use resilience_testing::{
    http::Connection,
    process::{Process, command},
};
use socket2::{Domain, Socket, Type};

fn start() -> Process {
    Process::start(command(env!("CARGO_BIN_EXE_client-service"), &[]))
}

/// Opens a stream of events.
fn stream(client: &Process) -> Connection {
    let mut stream = client.connect();
    stream.send("GET /api/events");
    stream.lines_until("event: hello");
    stream
}

#[track_caller]
fn must_end_whole(stream: &mut Connection) {
    let rest = stream.rest();
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "cut off: {rest:?}");
}

/// A stream whose reader does not read, with more data than all buffers can hold.
fn stalled(client: &Process) -> Connection {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&client.address().into()).unwrap();
    let mut stream = Connection::from(TcpStream::from(socket));
    stream.send("GET /api/events");
    // The end of the stream comes after all this data.
    for _ in 0..1000 {
        let reset = client.ask("POST /api/circuit-breaker/reset");
        assert_eq!(reset.status, 200, "{reset:?}");
    }
    stream
}

#[test]
fn an_unread_stream_does_not_delay_the_shutdown() {
    let mut client = start();
    let _stalled = stalled(&client);
    let mut read = stream(&client);
    let asked = Instant::now();
    client.signal("TERM");
    must_end_whole(&mut read);
    assert!(client.wait().success());
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}; the kernel gives up after 30 s");
}

#[test]
fn sigterm_ends_open_event_streams_and_then_the_process() {
    let mut client = start();
    let streams: Vec<_> = (0..50).map(|_| stream(&client)).collect();
    let asked = Instant::now();
    client.signal("TERM");
    for mut stream in streams {
        must_end_whole(&mut stream);
    }
    assert!(client.wait().success());
    assert!(asked.elapsed() < Duration::from_secs(20), "SHUTDOWN_TIMEOUT is 35 s");
}
