//! The client service as a process, a backend for it, and callers who speak HTTP as badly as they like.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longer than anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One client service in front of a backend. Killed when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Service {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_client-service")), variables)
    }

    /// With no more than this many files open.
    pub(crate) fn start_with_files(files: u32, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        let binary = env!("CARGO_BIN_EXE_client-service");
        command.args(["-c", "ulimit -n $0 && exec $1", &files.to_string(), binary]);
        Self::start_as(command, variables)
    }

    fn start_as(mut command: Command, variables: &[(&str, &str)]) -> Self {
        rlimit::increase_nofile_limit(u64::MAX).unwrap();
        command.env_clear().envs([("HOST", "127.0.0.1"), ("PORT", "0"), ("WORKERS", "2")]);
        let mut child = command.envs(variables.to_vec()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = lines.by_ref().find_map(|line| {
            let found = line
                .split_once("client-service listening on ")
                .map(|(_, rest)| rest.split(' ').next().unwrap_or_default().to_owned());
            log.lock().unwrap().push(line);
            found
        });
        let rest = Arc::clone(&log);
        thread::spawn(move || lines.for_each(|line| rest.lock().unwrap().push(line)));
        Self { child, address: address.unwrap(), log }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// One request on a connection of its own, which the service closes.
    pub(crate) fn get(&self, path: &str) -> Answer {
        let mut stream = self.connect();
        say(&mut stream, &request(path, "connection: close\r\n"));
        last_answer(stream)
    }

    /// The lines of the log with `word` in them.
    pub(crate) fn logged(&self, word: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(word)).count()
    }

    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").text;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Nobody is connected but the one who asks, nothing is worked on, and calls are answered.
    pub(crate) fn assert_as_before(&self) {
        until("all connections are gone", || self.metric("http_connections") == 1);
        assert_eq!(self.metric("http_requests_in_flight"), 1);
        for path in ["/health", "/ready", "/api/call-backend", "/api/stats"] {
            let answer = self.get(path);
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
        let stats = self.get("/api/stats").json();
        assert_eq!(stats["statistics"]["calls_in_flight"], 0);
        assert_eq!(stats["statistics"]["calls_waiting"], 0);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log.lock().unwrap();
            let from = log.len().saturating_sub(30);
            eprintln!("--- the end of the log\n{}", log[from..].join("\n"));
        }
    }
}

#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A backend that answers each request after `delay`; its URL.
pub(crate) fn backend(delay: Duration) -> String {
    counting_backend(delay, 2).0
}

/// The same, with answers of so many bytes; also the number of requests that it has read.
pub(crate) fn counting_backend(delay: Duration, size: usize) -> (String, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let read = Arc::clone(&requests);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n{}{{}}",
        " ".repeat(size - 2)
    );
    let answer: Arc<str> = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (read, answer) = (Arc::clone(&read), Arc::clone(&answer));
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let mut stream = stream;
                while let Some(Ok(line)) = lines.next() {
                    if line.is_empty() {
                        read.fetch_add(1, Ordering::SeqCst);
                        thread::sleep(delay);
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (url, requests)
}

pub(crate) fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: o\r\n{headers}\r\n")
}

/// What the peer does not want to hear any more is no failure.
pub(crate) fn say(stream: &mut TcpStream, what: &str) {
    let _ = stream.write_all(what.as_bytes());
}

/// Says it a byte at a time, for as long as somebody listens.
pub(crate) fn trickle(stream: &TcpStream, what: impl Iterator<Item = u8> + Send + 'static) {
    let mut stream = stream.try_clone().unwrap();
    thread::spawn(move || {
        for byte in what {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16, error: &str, says: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        assert_eq!(body["error"], error, "{self:?}");
        assert!(body["message"].as_str().unwrap().contains(says), "{self:?}");
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
    }
}

/// The next answer of a connection; none if it is closed without one.
pub(crate) fn answer(stream: &mut BufReader<TcpStream>) -> Option<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(stream.read_line(&mut head), Ok(1..)) {
            assert_eq!(head, "", "cut off");
            return None;
        }
    }
    let head = head.to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    Some(Answer { status, head, text: String::from_utf8(body).unwrap() })
}

/// The only answer of a connection, which is closed after it.
#[track_caller]
pub(crate) fn last_answer(stream: TcpStream) -> Answer {
    let mut stream = BufReader::new(stream);
    let only = answer(&mut stream).expect("closed without an answer");
    assert!(answer(&mut stream).is_none(), "a second answer after {only:?}");
    only
}
