//! The upstreams of the file: how they are started, seen and controlled.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod control;
mod events;
mod metrics;
mod probes;
mod reload;
mod rotation;
mod routes;
mod seen;
#[path = "../support/mod.rs"]
mod support;

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use client_service::{Config, gateway::upstreams::GatewayUpstream};
use resilience_actors::{Attempt, Operation};

/// The settings of a client with a file of upstreams, whose text this is.
fn with_file(text: &str, variables: &[(&str, &str)]) -> Config {
    let path = file("toml", text);
    support::config("http://127.0.0.1:9", &[variables, &[("CONFIG", path.as_str())]].concat())
}

/// The path of a new file with this text.
fn file(extension: &str, text: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("upstreams-{}-{number}.{extension}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Makes calls that fail.
async fn fail(upstream: &GatewayUpstream, calls: usize) {
    for _ in 0..calls {
        let failed = upstream.upstream().call_once(async |_| Err::<(), _>("oops")).await;
        assert!(failed.is_err());
    }
}

/// Fails each attempt.
struct Failing;

impl Operation for Failing {
    type Answer = ();
    type Error = &'static str;

    async fn run(&self, _: Attempt<'_>) -> Result<(), &'static str> {
        Err("oops")
    }
}
