//! The lab: both services as processes.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use resilience_testing::{
    Answer, PATIENCE,
    http::{self, Request},
    process::{Process, command, free_port},
    until,
};

/// The path of a service's binary: in `E2E_BIN_DIR`, or beside the client's binary.
pub(crate) fn binary(service: &str) -> PathBuf {
    let dir = std::env::var_os("E2E_BIN_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_client-service")).parent().unwrap().to_owned(),
        PathBuf::from,
    );
    let binary = dir.join(service);
    assert!(binary.exists(), "{} is not there: cargo build --workspace", binary.display());
    binary
}

pub(crate) fn start(service: &str, variables: &[(&str, &str)]) -> Process {
    Process::start(command(binary(service), variables))
}

/// As [`http::ask`]. Asserts that the answer is JSON.
#[track_caller]
pub(crate) fn ask(address: SocketAddr, request: impl Into<Request>) -> Answer {
    http::ask(address, request).must_be_json()
}

/// A backend, and a client in front of it.
pub(crate) struct Lab {
    pub(crate) backend: Process,
    pub(crate) client: Process,
}

impl Lab {
    /// Starts both services with these variables.
    pub(crate) fn start(backend: &[(&str, &str)], client: &[(&str, &str)]) -> Self {
        // A fixed port, so that the backend can be restarted on it.
        let port = free_port().to_string();
        let backend = start("backend-service", &[backend, &[("PORT", &port)]].concat());
        let url = backend.url();
        let client = start("client-service", &[client, &[("BACKEND_URL", &url)]].concat());
        Self { backend, client }
    }

    /// As [`ask`], to the client.
    #[track_caller]
    pub(crate) fn ask(&self, request: impl Into<Request>) -> Answer {
        ask(self.client.address(), request)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path}"))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.ask(Request::new(format!("POST {path}")).body(body))
    }

    pub(crate) fn set_faults(&self, plan: &str) {
        let answer = ask(self.backend.address(), Request::new("PUT /api/faults").body(plan));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The circuit's state in `/health`.
    pub(crate) fn state(&self) -> String {
        self.get("/health").body["circuit_breaker_state"].as_str().unwrap().to_owned()
    }

    /// One of the statistics.
    pub(crate) fn stat(&self, name: &str) -> u64 {
        self.get("/api/stats").body["statistics"][name].as_u64().unwrap()
    }

    /// Starts the backend again, on the same port.
    pub(crate) fn restart_backend(&mut self, variables: &[(&str, &str)]) {
        let port = self.backend.address().port().to_string();
        self.backend = start("backend-service", &[variables, &[("PORT", &port)]].concat());
    }

    /// Starts `callers` threads. Each calls again as soon as it gets an answer, until there are `enough` answers in
    /// all.
    pub(crate) fn load(
        &self,
        path: &'static str,
        callers: usize,
        enough: impl Fn(usize) -> bool,
    ) -> Vec<Answer> {
        let load = self.load_in_background(path, callers);
        until("enough calls", PATIENCE, || enough(load.done.load(Ordering::Relaxed)));
        load.stop()
    }

    pub(crate) fn load_in_background(&self, path: &'static str, callers: usize) -> Load {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let address = self.client.address();
        let callers = (0..callers).map(|_| {
            let (stop, done) = (stop.clone(), done.clone());
            thread::spawn(move || {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    answers.push(ask(address, format!("GET {path}")));
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
    callers: Vec<JoinHandle<Vec<Answer>>>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
}

impl Load {
    /// Stops the callers after their current call, and returns all their answers.
    pub(crate) fn stop(self) -> Vec<Answer> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    }
}
