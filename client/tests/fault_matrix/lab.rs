//! The client service as a process in front of a [`Server`], and calls that check the marker in their answer.

use std::{
    collections::BTreeMap,
    fs, process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use resilience_testing::{
    Answer, PATIENCE,
    certificates::Authority,
    http::Request,
    process::{Process, command},
    until,
};
use serde_json::Value;
use tokio_rustls::rustls::ServerConfig;

use super::server::{Door, Mode, Server};

pub(crate) const CALL: &str = "/api/call-backend";
pub(crate) const UNPROTECTED: &str = "/api/call-backend-without-resilience";

/// Two attempts, a circuit that stays closed so that each call is made, and one worker so that all calls share
/// connections.
const SETTINGS: [(&str, &str); 8] = [
    ("WORKERS", "1"),
    ("RETRY_MAX_ATTEMPTS", "2"),
    ("RETRY_BASE_DELAY", "0.01"),
    ("CALL_DEADLINE", "30"),
    ("BREAKER_FAIL_MAX", "1000000"),
    ("MAX_RESPONSE_BYTES", "10000"),
    ("BREAKER_TRIAL_LEASE", "10"),
    ("RUST_LOG", "info,client_service::calls=warn"),
];

pub(crate) struct Lab {
    pub(crate) server: Server,
    client: Process,
}

/// The server's part of TLS, and the file of the root that the client trusts.
pub(crate) struct Tls {
    server: Arc<ServerConfig>,
    root: String,
}

impl Tls {
    pub(crate) fn issue() -> Self {
        let authority = Authority::new();
        let root = format!("{}/fault-matrix-{}.pem", env!("CARGO_TARGET_TMPDIR"), process::id());
        fs::write(&root, authority.pem()).unwrap();
        Self { server: authority.issue(&["127.0.0.1"]).server(), root }
    }
}

/// Panics if `answer` may belong to a call without this marker.
#[track_caller]
fn must_be_its_own(answer: &Answer, id: &str) {
    let response = &answer.body["backend_response"];
    let is_own = match response.get("id") {
        Some(told) => *told == *id && response.get("stale").is_none(),
        None => answer.status != 200,
    };
    assert!(is_own, "the answer of another call than {id}: {answer:?}");
}

/// A unique marker.
pub(crate) fn marker() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    format!("{:032x}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Lab {
    pub(crate) fn start(door: Door, tls: Option<&Tls>, settings: &[(&str, &str)]) -> Self {
        let server = Server::start(door, tls.map(|tls| tls.server.clone()));
        let url = server.url();
        let root = tls.map(|tls| ("BACKEND_CA_FILE", tls.root.as_str()));
        let mut variables = [&SETTINGS, settings, &[("BACKEND_URL", &url)]].concat();
        variables.extend(root);
        let client = Process::start(command(env!("CARGO_BIN_EXE_client-service"), &variables));
        Self { server, client }
    }

    pub(crate) fn call(&self, path: &str) -> Answer {
        self.call_as(path, &marker())
    }

    /// A call with this marker, which the server puts into its answer.
    pub(crate) fn call_as(&self, path: &str, id: &str) -> Answer {
        let trace = format!("traceparent: 00-{id}-00f067aa0ba902b7-00\r\n");
        let request = Request::new(format!("GET {path}")).headers(&trace);
        let answer = self.client.ask(request).must_be_json();
        must_be_its_own(&answer, id);
        answer
    }

    /// Makes calls with these markers, at most this many at a time. Returns their answers in the same order.
    pub(crate) fn call_all(&self, ids: &[String], at_a_time: usize) -> Vec<Answer> {
        let (next, answers) = (Mutex::new(ids.iter().enumerate()), Mutex::new(BTreeMap::new()));
        thread::scope(|scope| {
            for _ in 0..at_a_time {
                scope.spawn(|| {
                    while let Some((number, id)) = { next.lock().unwrap().next() } {
                        let answer = self.call_as(CALL, id);
                        answers.lock().unwrap().insert(number, answer);
                    }
                });
            }
        });
        answers.into_inner().unwrap().into_values().collect()
    }

    pub(crate) fn look(&self, path: &str) -> Value {
        let answer = self.client.get(path).must_be_json();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    pub(crate) fn fail_counter(&self) -> u64 {
        self.look("/api/circuit-breaker")["fail_counter"].as_u64().unwrap()
    }

    /// The outcomes of the attempts of the last call.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let history = self.look("/api/events/history?type=call&limit=1");
        let attempts = history["events"][0]["attempts"].as_array().unwrap().clone();
        attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until no connection has an act in progress. An act without an end lasts until the client closes its
    /// connection.
    pub(crate) fn settle(&self) {
        until("all connections at rest", PATIENCE, || self.server.busy() == 0);
    }

    /// Makes the client close all its connections.
    pub(crate) fn close_all(&self) {
        self.settle();
        self.server.set(Mode::Failing(None));
        until("no connection", PATIENCE, || {
            self.server.open() == 0 || self.call(UNPROTECTED).status == 0
        });
    }

    /// Number of files that the client has open after its first calls, without a connection to the server.
    pub(crate) fn open_files_at_rest(&self) -> usize {
        self.call(CALL);
        self.call(UNPROTECTED);
        self.close_all();
        self.client.open_files()
    }

    /// Asserts that no call, no socket and no panic is left.
    pub(crate) fn must_be_as_before(&self, open_files: usize) {
        self.settle();
        assert_eq!(self.look("/health")["status"], "healthy");
        let calls = || self.look("/api/stats")["statistics"]["calls_in_flight"] == 0;
        until("no call in flight", PATIENCE, calls);
        let most = || open_files + self.server.open();
        let what = format!("{open_files} open files and the idle connections");
        until(&what, PATIENCE, || self.client.open_files() <= most());
        let log = self.client.log();
        assert!(!log.contains("panicked"), "{log}");
    }
}
