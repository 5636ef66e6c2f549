//! An `https` backend: which certificates the client accepts, and the same behaviour as without TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

mod backend;
mod connections;
mod files;
mod framing;
mod others;
#[path = "../support/mod.rs"]
mod support;
mod trust;
