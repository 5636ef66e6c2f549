//! The breaker's actor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod reconfigure;
mod states;
#[path = "../support/mod.rs"]
mod support;
mod trials;
