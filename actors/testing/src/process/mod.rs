//! A service as a process: start, log, signals, end.

mod log;
mod running;
mod system;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{ChildStderr, Command, ExitStatus, Output, Stdio},
    thread::{self, JoinHandle},
};

use crate::{
    Answer, PATIENCE,
    http::{Connection, Request, ask},
    until,
};

use log::Log;
use running::Running;

pub use system::free_port;

/// The text before the address in the log line of a service that listens.
const LISTENING: &str = "-service listening on ";

/// The command of a service's binary, with two workers on a free port, and with only these variables.
pub fn command(binary: impl AsRef<Path>, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary.as_ref());
    command.env_clear().envs([("HOST", "127.0.0.1"), ("PORT", "0"), ("WORKERS", "2")]);
    command.envs(variables.iter().copied());
    command
}

/// Runs a binary that must exit by itself.
#[track_caller]
pub fn run_to_end(mut command: Command) -> Output {
    let (log, out) = (Log::new(), Log::new());
    command.stdout(out.writer()).stderr(log.writer());
    let status = status(command);
    Output { status, stdout: out.text().into(), stderr: log.text().into() }
}

/// Runs a binary that must exit by itself, with the outputs that the command sets.
#[track_caller]
pub fn status(mut command: Command) -> ExitStatus {
    Running::spawn(&mut command).wait()
}

/// A running service. Dropping this kills it.
#[derive(Debug)]
pub struct Process {
    child: Running,
    address: SocketAddr,
    log: Log,
    out: Log,
    copier: Option<JoinHandle<()>>,
}

/// The log of a process that writes to a pipe, which fills up if it is not read.
pub type Unread = BufReader<ChildStderr>;

impl Process {
    /// Starts a service, and returns when it listens. Panics if it does not.
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let (log, out) = (Log::new(), Log::new());
        let mut child = Running::spawn(command.stdout(out.writer()).stderr(log.writer()));
        let mut address = None;
        until("the service listens", PATIENCE, || {
            let ended = child.ended();
            address = log.next_line_with(LISTENING).map(|line| address_in(&line));
            assert!(address.is_some() || ended.is_none(), "{ended:?}: {}", log.text());
            address.is_some()
        });
        Self { child, address: address.unwrap(), log, out, copier: None }
    }

    /// As [`start`](Self::start), but stops reading the log as soon as the service listens.
    #[track_caller]
    pub fn start_unread(mut command: Command) -> (Self, Unread) {
        let (log, out) = (Log::new(), Log::new());
        let mut child = Running::spawn(command.stdout(out.writer()).stderr(Stdio::piped()));
        let mut pipe = BufReader::new(child.take_stderr());
        let address = loop {
            let mut line = String::new();
            assert!(pipe.read_line(&mut line).unwrap() > 0, "it ends: {}", log.text());
            Log::copy(log.writer(), &mut line.as_bytes());
            if line.contains(LISTENING) {
                break address_in(&line);
            }
        };
        (Self { child, address, log, out, copier: None }, pipe)
    }

    /// Starts to read the log of a process from [`start_unread`](Self::start_unread).
    pub fn read_log(&mut self, mut pipe: Unread) {
        let log = self.log.writer();
        self.copier = Some(thread::spawn(move || Log::copy(log, &mut pipe)));
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Opens a connection to it.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// As [`ask`], to this service.
    #[track_caller]
    pub fn ask(&self, request: impl Into<Request>) -> Answer {
        ask(self.address, request)
    }

    /// As [`ask`] with `GET`, to this service.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path}"))
    }

    /// The value of a metric without labels from its `/metrics`.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        self.get("/metrics").metric(name)
    }

    /// Its stderr so far. A service writes its lines a moment after it logs them.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Number of lines of the log that contain `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Waits for the next line of the log that contains `text`, after the last line that was found.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        let mut line = None;
        until(&format!("{text:?} in the log"), PATIENCE, || {
            line = self.log.next_line_with(text);
            line.is_some()
        });
        line.unwrap()
    }

    /// Its stdout so far.
    pub fn output(&self) -> String {
        self.out.text()
    }

    /// Sends a signal, such as `TERM` or `STOP`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it exits. The log is complete then.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait();
        if let Some(copier) = self.copier.take() {
            copier.join().unwrap();
        }
        status
    }

    /// Sends SIGTERM and waits until it exits.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends SIGKILL and waits until it exits.
    pub fn kill(&mut self) {
        self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let from = log.lines().count().saturating_sub(50);
            eprintln!("--- the end of the log of {}", self.address);
            log.lines().skip(from).for_each(|line| eprintln!("{line}"));
        }
    }
}

fn address_in(line: &str) -> SocketAddr {
    let (_, address) = line.split_once(LISTENING).unwrap();
    address.split(' ').next().unwrap().parse().unwrap()
}
