//! The layer for tower services.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod gates;
mod hyper;
mod lab;
mod leaving;
mod results;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod threads;
