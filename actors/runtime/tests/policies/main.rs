//! The optional policies of an upstream.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod adaptive;
mod all_at_once;
mod chaos;
mod coalescing;
mod concurrency;
mod deadline;
mod fallback;
mod hedging;
mod held_places;
mod priorities;
mod quiet_period;
mod rate;
mod reconfigure;
mod retry_budget;
#[path = "../support/mod.rs"]
mod support;
mod throttle;
mod variants;
