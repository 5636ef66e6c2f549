//! Calls that are retried, with a driven clock.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod connections;
mod counting;
#[path = "../support/mod.rs"]
mod support;
mod waits;
