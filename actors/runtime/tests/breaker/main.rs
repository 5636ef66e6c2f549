//! The breaker's actor.

mod reconfigure;
mod states;
#[path = "../support/mod.rs"]
mod support;
mod trials;
