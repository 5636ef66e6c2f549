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
    PATIENCE,
    certificates::Authority,
    process::{Process, command},
    until,
};
use serde_json::Value;
use tokio_rustls::rustls::ServerConfig;

use super::{
    endpoint::Endpoint,
    received::Received,
    server::{Door, Mode, Server},
};

/// One worker, so that all calls share connections.
const SETTINGS: [(&str, &str); 3] = [
    ("WORKERS", "1"),
    ("MAX_RESPONSE_BYTES", "10000"),
    ("RUST_LOG", "info,client_service::calls=warn"),
];

/// The policies of the lab's backend and of the gateway's upstream: two attempts, and a circuit that stays closed so
/// that each call is made.
const POLICIES: [(&str, &str); 5] = [
    ("RETRY_MAX_ATTEMPTS", "2"),
    ("RETRY_BASE_DELAY", "0.01"),
    ("CALL_DEADLINE", "30"),
    ("BREAKER_FAIL_MAX", "1000000"),
    ("BREAKER_TRIAL_LEASE", "10"),
];

/// Seconds after which the gateway cuts off an answer that does not go on.
const BODY_IDLE: &str = "1";

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

/// A unique marker.
pub(crate) fn marker() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    format!("{:032x}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Lab {
    /// Starts a client whose lab has the server as its backend, and whose gateway has it as its upstream `u`.
    /// `policies` are for both.
    pub(crate) fn start(
        door: Door,
        tls: Option<&Tls>,
        settings: &[(&str, &str)],
        policies: &[(&str, &str)],
    ) -> Self {
        let server = Server::start(door, tls.map(|tls| tls.server.clone()));
        let (url, policies) = (server.url(), [&POLICIES, policies].concat());
        let file = upstream(&url, tls, &policies);
        let variables = [("BACKEND_URL", url.as_str()), ("CONFIG", &file)];
        let mut variables = [&SETTINGS, settings, &policies, &variables].concat();
        variables.extend(tls.map(|tls| ("BACKEND_CA_FILE", tls.root.as_str())));
        let client = Process::start(command(env!("CARGO_BIN_EXE_client-service"), &variables));
        Self { server, client }
    }

    pub(crate) fn call(&self, endpoint: Endpoint) -> Received {
        endpoint.call(&self.client, &marker())
    }

    /// Makes calls with these markers, at most this many at a time. Returns their answers in the same order.
    pub(crate) fn call_all(&self, calls: &[(Endpoint, &str)], at_a_time: usize) -> Vec<Received> {
        let (next, answers) = (Mutex::new(calls.iter().enumerate()), Mutex::new(BTreeMap::new()));
        thread::scope(|scope| {
            for _ in 0..at_a_time {
                scope.spawn(|| {
                    while let Some((number, (endpoint, id))) = { next.lock().unwrap().next() } {
                        let answer = endpoint.call(&self.client, id);
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

    pub(crate) fn fail_counter(&self, endpoint: Endpoint) -> u64 {
        self.look(endpoint.breaker())["fail_counter"].as_u64().unwrap()
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

    /// Makes the client close all its connections. Those of the lab and those of the gateway are apart.
    pub(crate) fn close_all(&self) {
        self.settle();
        self.server.set(Mode::Failing(None));
        until("no connection", PATIENCE, || {
            [Endpoint::Unprotected, Endpoint::Gateway].iter().any(|endpoint| {
                self.settle();
                self.server.open() == 0 || self.call(*endpoint).status == 0
            })
        });
    }

    /// Number of files that the client has open after its first calls, without a connection to the server.
    pub(crate) fn open_files_at_rest(&self) -> usize {
        for endpoint in [Endpoint::Protected, Endpoint::Unprotected, Endpoint::Gateway] {
            self.call(endpoint);
        }
        self.close_all();
        self.client.open_files()
    }

    /// Asserts that no call, no socket and no panic is left.
    pub(crate) fn must_be_as_before(&self, open_files: usize) {
        self.settle();
        assert_eq!(self.look("/health")["status"], "healthy");
        let calls = || {
            self.look("/api/stats")["statistics"]["calls_in_flight"] == 0
                && self.look("/api/upstreams/u")["calls"]["calls_in_flight"] == 0
        };
        until("no call in flight", PATIENCE, calls);
        let most = || open_files + self.server.open();
        let what = format!("{open_files} open files and the idle connections");
        until(&what, PATIENCE, || self.client.open_files() <= most());
        let log = self.client.log();
        assert!(!log.contains("panicked"), "{log}");
    }
}

/// The path of a new file for the gateway.
fn upstream(url: &str, tls: Option<&Tls>, policies: &[(&str, &str)]) -> String {
    let mut text = format!("[upstreams.u]\nurl = \"{url}\"\nbody_idle_timeout = {BODY_IDLE}\n");
    for (name, value) in policies {
        text += &format!("{} = \"{value}\"\n", name.to_lowercase());
    }
    if let Some(tls) = tls {
        text += &format!("tls = {{ ca_file = {:?} }}\n", tls.root);
    }
    let path = format!("{}/fault-matrix-{}.toml", env!("CARGO_TARGET_TMPDIR"), marker());
    fs::write(&path, text).unwrap();
    path
}
