//! The services as processes, and a client that speaks just enough HTTP to them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longer than any answer of these tests may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// Where a service's binary is.
pub(crate) fn binary(service: &str) -> PathBuf {
    let dir = std::env::var_os("E2E_BIN_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_client-service")).parent().unwrap().to_owned(),
        PathBuf::from,
    );
    let binary = dir.join(service);
    assert!(binary.exists(), "{} is not there: cargo build --workspace", binary.display());
    binary
}

/// A port that nobody listened on a moment ago. Below those that the system gives out by itself, so
/// that none of the sockets that tests open meanwhile is given it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Far from those of another process that tests at the same time, which has the next number.
    let salt = u16::try_from(std::process::id() % 20 * 1_000).unwrap();
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(salt);
        let port = 12_000 + offset % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until something is so; fails if it does not come to be.
#[track_caller]
pub(crate) fn until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "{what}: not within {patience:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// One service. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Process {
    fn start(service: &str, port: u16, variables: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{service}-{}-{number}.log", std::process::id());
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let child = Command::new(binary(service))
            .env_clear()
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string())
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let process = Self { child, port, log };
        until(service, Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        process
    }

    pub(crate) fn client(variables: &[(&str, &str)]) -> Self {
        Self::start("client-service", free_port(), variables)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log contains `part`: a service writes its lines a moment later.
    #[track_caller]
    pub(crate) fn log_with(&self, part: &str) -> String {
        until(&format!("{part:?} in the log"), PATIENCE, || self.log().contains(part));
        self.log()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// SIGTERM, and how the process ended.
    fn terminate(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.log());
        } else {
            let _ = fs::remove_file(&self.log);
        }
    }
}

/// A backend, and a client in front of it.
pub(crate) struct Lab {
    backend: Process,
    client: Process,
}

impl Lab {
    /// With these variables, and defaults for the rest.
    pub(crate) fn start(backend: &[(&str, &str)], client: &[(&str, &str)]) -> Self {
        let backend = Process::start("backend-service", free_port(), backend);
        let url = format!("http://127.0.0.1:{}", backend.port);
        let client = Process::client(&[client, &[("BACKEND_URL", &url)]].concat());
        Self { backend, client }
    }

    pub(crate) fn client_port(&self) -> u16 {
        self.client.port
    }

    pub(crate) fn backend_port(&self) -> u16 {
        self.backend.port
    }

    pub(crate) fn client_log(&self) -> String {
        self.client.log()
    }

    /// Waits until the client's log contains `part`.
    #[track_caller]
    pub(crate) fn client_log_with(&self, part: &str) -> String {
        self.client.log_with(part)
    }

    /// Waits until the backend's log contains `part`.
    #[track_caller]
    pub(crate) fn backend_log_with(&self, part: &str) -> String {
        self.backend.log_with(part)
    }

    pub(crate) fn backend_log(&self) -> String {
        self.backend.log()
    }

    pub(crate) fn get(&self, path: &str) -> Client {
        get(self.client.port, path)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Client {
        post(self.client.port, path, body)
    }

    pub(crate) fn set_faults(&self, plan: &str) {
        let answer = request(self.backend.port, "PUT", "/api/faults", plan);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The circuit's state as `/health` says it.
    pub(crate) fn state(&self) -> String {
        self.get("/health").body["circuit_breaker_state"].as_str().unwrap().to_owned()
    }

    /// One of the statistics.
    pub(crate) fn stat(&self, name: &str) -> u64 {
        self.get("/api/stats").body["statistics"][name].as_u64().unwrap()
    }

    pub(crate) fn kill_backend(&mut self) {
        self.backend.kill();
    }

    /// On the same port as before.
    pub(crate) fn restart_backend(&mut self, variables: &[(&str, &str)]) {
        self.backend = Process::start("backend-service", self.backend.port, variables);
    }

    /// SIGTERM, and how the process ended.
    pub(crate) fn terminate_client(&mut self) -> ExitStatus {
        self.client.terminate()
    }

    /// The same for the backend.
    #[allow(dead_code, reason = "the end-to-end tests have no use for it")]
    pub(crate) fn terminate_backend(&mut self) -> ExitStatus {
        self.backend.terminate()
    }

    /// As many callers, each calling again as soon as it is answered, until `enough` of all done.
    pub(crate) fn load(
        &self,
        path: &'static str,
        callers: usize,
        enough: impl Fn(usize) -> bool,
    ) -> Vec<Client> {
        let load = self.load_in_background(path, callers);
        until("enough calls", PATIENCE, || enough(load.done.load(Ordering::Relaxed)));
        load.stop()
    }

    pub(crate) fn load_in_background(&self, path: &'static str, callers: usize) -> Load {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let port = self.client.port;
        let callers = (0..callers).map(|_| {
            let (stop, done) = (stop.clone(), done.clone());
            thread::spawn(move || {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    answers.push(get(port, path));
                    done.fetch_add(1, Ordering::Relaxed);
                }
                answers
            })
        });
        Load { callers: callers.collect(), stop, done }
    }
}

/// Callers in the background.
pub(crate) struct Load {
    callers: Vec<JoinHandle<Vec<Client>>>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
}

impl Load {
    /// Ends them after their current call; all the answers that they had.
    pub(crate) fn stop(self) -> Vec<Client> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    }
}

/// What a client has got.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) took: Duration,
}

pub(crate) fn get(port: u16, path: &str) -> Client {
    request(port, "GET", path, "")
}

pub(crate) fn post(port: u16, path: &str, body: &str) -> Client {
    request(port, "POST", path, body)
}

/// One request on a connection of its own. Fails unless it is answered with JSON.
#[track_caller]
pub(crate) fn request(port: u16, method: &str, path: &str, body: &str) -> Client {
    request_with(port, method, path, "", body)
}

/// The same with headers, each with its end of line.
#[track_caller]
pub(crate) fn request_with(
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Client {
    let start = Instant::now();
    let mut answer = BufReader::new(send(port, method, path, headers, body));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = answer.read_line(&mut head);
        assert!(matches!(read, Ok(1..)), "{method} {path}: no answer but {head:?} ({read:?})");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    answer.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|error| panic!("{method} {path}: {status} with {body:?}: {error}"));
    Client { status, body, took: start.elapsed() }
}

/// A request whose answer nobody has read yet.
pub(crate) fn send_and_hold(port: u16, path: &str) -> TcpStream {
    send(port, "GET", path, "", "")
}

fn send(port: u16, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\
         {headers}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The service may have answered and closed before it has all of it.
    let _ = stream.write_all(body.as_bytes());
    stream
}
