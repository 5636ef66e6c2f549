//! The breaker's actor.

mod states;
#[path = "../support/mod.rs"]
mod support;
mod trials;
