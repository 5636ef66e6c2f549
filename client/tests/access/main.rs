//! Access to the client: which requests need the admin token, that no secret is shown, and which addresses it connects
//! to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod destinations;
mod replica_plans;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod token;

use std::sync::atomic::{AtomicUsize, Ordering};

use resilience_testing::server::{Server, http};

const CLIENT: &str = env!("CARGO_BIN_EXE_client-service");
const FAULTS: &str = "/api/backend/faults";

/// A backend that answers 200, 500 and 429 in turns.
fn alternating_backend() -> Server {
    let answered = AtomicUsize::new(0);
    Server::start(move |mut peer| {
        while peer.request().is_some() {
            let number = answered.fetch_add(1, Ordering::SeqCst) + 1;
            let status = ["200 OK", "200 OK", "500 Oops", "429 Too Many Requests"][number % 4];
            peer.say(http(status, "", "{}"));
        }
    })
}
