//! The real binary, a backend on a raw socket, and listeners that nobody should connect to.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What must be told nowhere: the token, and one that was presented and is not it.
pub(crate) const SECRETS: [&str; 2] = ["MarkerOfTheToken7Qx", "MarkerOfAnother9Zk"];

/// The paths in `endpoint("...")` and `file!("...")` of all sources below `folder`. Routes that are
/// registered in another way would not be seen: there are none.
pub(crate) fn paths_in(folder: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(Path::new(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            paths.extend(paths_in(&name));
        } else if name.ends_with(".rs") {
            let source = fs::read_to_string(&path).unwrap();
            // Their documentation, and their tests, are not registered.
            let source = source.split("#[cfg(test)]").next().unwrap();
            let lines: Vec<_> =
                source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let source = lines.join("\n");
            for call in ["endpoint(\"", "file!(\""] {
                let found = source.split(call).skip(1).filter_map(|rest| rest.split('"').next());
                paths.extend(found.map(str::to_owned));
            }
            if name.ends_with("endpoint.rs") {
                continue;
            }
            for other in [
                "web::resource(",
                "web::scope(",
                "web::post(",
                "web::put(",
                "#[post(",
                "#[put(",
                "#[route(",
            ] {
                assert!(!source.contains(other), "{name}: {other}...) is not seen by these tests");
            }
        }
    }
    paths
}

/// Takes connections, and counts them.
pub(crate) struct Trap(TcpListener);

impl Trap {
    pub(crate) fn set(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        // The kernel keeps who connects until they are asked for.
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    pub(crate) fn caught(&self) -> usize {
        self.0.incoming().map_while(Result::ok).count()
    }
}

/// Says yes, no and later in turns, and keeps the heads that it was sent.
pub(crate) struct Backend {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let backend = Self { address: listener.local_addr().unwrap(), heads: Arc::default() };
        let heads = backend.heads.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let heads = heads.clone();
                thread::spawn(move || serve(stream.unwrap(), &heads));
            }
        });
        backend
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// How many of them had this header, in lower case.
    pub(crate) fn heard(&self, header: &str) -> usize {
        self.heads.lock().unwrap().iter().filter(|head| head.contains(header)).count()
    }
}

fn serve(stream: TcpStream, heads: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(stream.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let mut heads = heads.lock().unwrap();
        heads.push(head);
        let status = ["200 OK", "200 OK", "500 Oops", "429 Too Many Requests"][heads.len() % 4];
        drop(heads);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client-service"));
    command.env_clear().envs([("HOST", "127.0.0.1"), ("PORT", "0"), ("WORKERS", "2")]);
    command
}

/// Runs the binary where it must end by itself.
pub(crate) fn run_to_end(variables: &[(&str, &str)]) -> Output {
    command().envs(variables.iter().copied()).output().unwrap()
}

/// The client's process, and all that it says.
pub(crate) struct Client {
    child: Child,
    address: String,
    log: JoinHandle<String>,
    out: JoinHandle<String>,
}

impl Client {
    pub(crate) fn start(variables: &[(&str, String)]) -> Self {
        let mut command = command();
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let out = thread::spawn(move || {
            let mut text = Vec::new();
            stdout.read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let address = loop {
            assert!(stderr.read_line(&mut log).unwrap() > 0, "it does not start: {log}");
            if let Some((_, rest)) = log.split_once("client-service listening on ") {
                break rest.split(' ').next().unwrap().to_owned();
            }
        };
        let log = thread::spawn(move || {
            let mut rest = Vec::new();
            stderr.read_to_end(&mut rest).unwrap();
            log + &String::from_utf8_lossy(&rest)
        });
        Self { child, address, log, out }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// One request, byte for byte; all that comes back.
    pub(crate) fn ask(&self, line: &str, host: &str, headers: &str, body: &str) -> String {
        let mut stream = self.connect();
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // It may close without having read all of it: that is an answer, too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The beginning of the stream of events, and what a call adds to it.
    pub(crate) fn events(&self, headers: &str) -> String {
        let mut stream = self.connect();
        let request = format!("GET /api/events HTTP/1.1\r\nhost: client\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut told = String::new();
        while !told.contains("event: hello") {
            assert!(stream.read_line(&mut told).unwrap() > 0, "{told}");
        }
        self.ask("GET /api/call-backend", "client", headers, "");
        while !told.contains("event: call") {
            assert!(stream.read_line(&mut told).unwrap() > 0, "{told}");
        }
        stream.read_line(&mut told).unwrap();
        told
    }

    /// Ends it; its log, and what it wrote to stdout.
    pub(crate) fn end(mut self) -> (String, String) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let none = || thread::spawn(String::new);
        let (log, out) =
            (std::mem::replace(&mut self.log, none()), std::mem::replace(&mut self.out, none()));
        (log.join().unwrap(), out.join().unwrap())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
