//! The real binary as a child process, and HTTP by hand over a socket.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longer than anything here takes on a busy machine; reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backend-service"));
    command.env_clear().env("HOST", "127.0.0.1").env("PORT", "0").envs(variables.iter().copied());
    command
}

/// Runs the binary where it must end by itself.
pub(crate) fn run_to_end(variables: &[(&str, &str)]) -> Output {
    let child = command(variables).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (ended, end) = channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    end.recv_timeout(PATIENCE).map(Result::unwrap).unwrap_or_else(|_| {
        signal("KILL", id);
        panic!("the process with {variables:?} does not end")
    })
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    assert!(sent.unwrap().success());
}

/// Waits for the end of a process; kills it if that does not come.
pub(crate) fn wait_for_end(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    panic!("process {} does not end", child.id())
}

/// A running backend; it is killed at the end of the test.
pub(crate) struct Backend {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
    pub(crate) address: SocketAddr,
}

impl Backend {
    /// Starts it on a free port, and returns when it listens.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let (mut backend, log) = Self::start_unread(variables);
        backend.read_log(log);
        backend
    }

    /// The same, but nobody reads the rest of its log unless it is given to [`read_log`](Self::read_log).
    pub(crate) fn start_unread(variables: &[(&str, &str)]) -> (Self, BufReader<ChildStderr>) {
        let mut child = command(variables).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut seen = Vec::new();
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ends: {seen:#?}");
            let address = line.split("backend-service listening on ").nth(1);
            let address = address.map(|rest| rest.split(' ').next().unwrap().parse().unwrap());
            seen.push(line.trim_end().to_owned());
            if let Some(address) = address {
                break address;
            }
        };
        (Self { child, log: channel().1, seen, address }, log)
    }

    /// Begins to read the log.
    pub(crate) fn read_log(&mut self, log: BufReader<ChildStderr>) {
        let (line, lines) = channel();
        self.log = lines;
        thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|l| line.send(l)));
    }

    /// The next line of the log that contains `text`.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{text:?} is not in the log: {:#?}", self.seen)
                }
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Waits for the end; returns how it ended and the whole log.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        // The log ends with the process.
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:#?}", self.seen),
            }
        }
        (self.child.wait().unwrap(), std::mem::take(&mut self.seen))
    }

    /// Waits for the end of a process whose log nobody reads.
    pub(crate) fn wait_for_end(mut self) -> ExitStatus {
        wait_for_end(&mut self.child)
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection { stream: BufReader::new(stream) }
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let mut connection = self.connect();
        connection.send(method, path, body);
        connection.reply()
    }

    /// Plays these outcomes to the next requests.
    pub(crate) fn play(&self, plan: &str) {
        let reply = self.ask("PUT", "/api/faults", plan);
        assert_eq!(reply.status, 200, "{}", reply.body);
    }

    /// A counter or gauge without labels of `/metrics`.
    pub(crate) fn prometheus(&self, name: &str) -> u64 {
        let text = self.ask("GET", "/metrics", "").body;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.ask("GET", "/api/metrics", "").json()[name].as_u64().unwrap()
    }

    /// Asks again until a counter has this value.
    pub(crate) fn wait_for_metric(&self, name: &str, value: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.metric(name) != value {
            assert!(Instant::now() < deadline, "{name} does not become {value}");
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: b\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// Reads an answer: its head and as much body as its `Content-Length` says.
    pub(crate) fn reply(&mut self) -> Reply {
        let head = self.head();
        let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        Reply { body: String::from_utf8(body).unwrap(), ..head }
    }

    /// Reads an answer's head only.
    pub(crate) fn head(&mut self) -> Reply {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).unwrap();
            assert!(read > 0, "the connection ends in the head: {lines:?}");
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_lowercase());
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: lines, body: String::new() }
    }

    /// Whether the server has ended the connection, politely or not.
    pub(crate) fn is_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).map_or(true, |_| rest.is_empty())
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: Vec<String>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}
