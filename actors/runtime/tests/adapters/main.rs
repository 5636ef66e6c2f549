//! The adapters, each against what it is for: a real actor, real HTTP servers, a real actix-web server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod actix_web;
mod address;
mod awc;
mod server;
#[path = "../support/mod.rs"]
mod support;
