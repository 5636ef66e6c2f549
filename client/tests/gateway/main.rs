//! `/upstreams/{name}/{path}`: the gateway as a process, between callers and upstreams on sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

mod answers;
mod coalescing;
mod connections;
mod endpoints;
mod endpoints_use;
mod fallback;
mod gateway;
mod large;
mod places;
mod policies;
mod python;
mod recorded;
mod refusals;
mod reload;
mod requests;
mod secrets;
mod slow_callers;
mod streams;
mod uploads;
