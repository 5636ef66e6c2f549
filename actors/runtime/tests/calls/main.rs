//! Calls through breaker and scheduler.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod caller_waits;
mod faults;
mod leaving;
mod load;
mod opening;
#[path = "../support/mod.rs"]
mod support;
