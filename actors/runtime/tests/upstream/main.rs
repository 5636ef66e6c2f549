//! Upstreams as their users see them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod calls;
mod extensions;
#[path = "../support/mod.rs"]
mod support;
