//! The real binary: open streams of events do not hold up its end, and they end whole.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests, too")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

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

#[test]
fn sigterm_ends_open_streams_of_events_and_then_the_process() {
    let mut client = Client::start();
    let streams: Vec<_> = (0..50).map(|_| client.stream()).collect();
    let asked = Instant::now();
    let kill = format!("kill -TERM {}", client.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    for mut stream in streams {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(b"\r\n0\r\n\r\n"), "cut off: {:?}", String::from_utf8_lossy(&rest));
    }
    assert!(client.child.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(20), "SHUTDOWN_TIMEOUT is 35 s");
}
