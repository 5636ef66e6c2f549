//! The real binary: open streams of events do not hold up its end, and those that are read end whole.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

const PATIENCE: Duration = Duration::from_secs(30);

struct Client {
    child: Child,
    address: String,
}

impl Client {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_client-service"));
        command.env_clear().envs([("HOST", "127.0.0.1"), ("PORT", "0"), ("WORKERS", "2")]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let address = log.find_map(|line| {
            let (_, rest) = line.split_once("client-service listening on ")?;
            Some(rest.split(' ').next().unwrap_or_default().to_owned())
        });
        // Or the process would stand still when the pipe is full.
        thread::spawn(move || log.for_each(drop));
        Self { child, address: address.unwrap() }
    }

    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn stream(&self) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: c\r\n\r\n").unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while !line.starts_with("event: hello") {
            line.clear();
            assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ends at its beginning");
        }
        stream
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stream whose reader reads nothing, with more in it than all buffers on its way hold.
fn stalled(client: &Client) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: SocketAddr = client.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: c\r\n\r\n").unwrap();
    // Its end is behind all this, if it ever comes.
    for _ in 0..1000 {
        let mut reset = TcpStream::connect(&client.address).unwrap();
        let head =
            "POST /api/circuit-breaker/reset HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n";
        reset.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        reset.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    stream
}

#[test]
fn a_stream_that_nobody_reads_does_not_hold_up_the_end() {
    let mut client = Client::start();
    let _stalled = stalled(&client);
    let mut read = client.stream();
    let asked = Instant::now();
    client.terminate();
    let mut rest = Vec::new();
    read.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"\r\n0\r\n\r\n"), "cut off: {:?}", String::from_utf8_lossy(&rest));
    assert!(client.child.wait().unwrap().success());
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}; the kernel gives up after 30 s");
}

#[test]
fn sigterm_ends_open_streams_of_events_and_then_the_process() {
    let mut client = Client::start();
    let streams: Vec<_> = (0..50).map(|_| client.stream()).collect();
    let asked = Instant::now();
    client.terminate();
    for mut stream in streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"\r\n0\r\n\r\n"), "cut off: {:?}", String::from_utf8_lossy(&rest));
    }
    assert!(client.child.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(20), "SHUTDOWN_TIMEOUT is 35 s");
}
