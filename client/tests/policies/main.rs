//! The optional policies of the client, through HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod backoff;
mod chaos;
mod coalescing;
mod concurrency;
mod deadline;
mod fallback;
mod hedging;
mod priorities;
mod probes;
mod rate;
mod reconfigure;
mod retry_after;
mod retry_budget;
#[path = "../support/mod.rs"]
mod support;
mod throttle;
