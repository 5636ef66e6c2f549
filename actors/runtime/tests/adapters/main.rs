//! The adapters, each against what it is for: a real actor, real HTTP servers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod address;
mod awc;
#[path = "../support/mod.rs"]
mod support;
