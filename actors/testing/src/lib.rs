//! What the tests of `actors/edge`, `backend` and `client` share. A dev-dependency only.
//!
//! | module | role |
//! |---|---|
//! | [`access`] | what clients without the token are answered, and what no client is shown |
//! | [`answer`] | one HTTP answer, from a socket or from an application in this process |
//! | [`http`] | the HTTP/1.1 client: raw bytes where a test needs them, requests and answers elsewhere |
//! | [`server`] | a server that does on each connection what a script says |
//! | [`process`] | a service as a process: start, log, signals, end |
//! | [`app`] | answers of an application that has no socket |
//! | [`mod@until`] | waiting for a condition, for a bounded time |
//! | [`mod@settings`] | what each setting must refuse, and with which words |
//! | [`documents`] | parts of Markdown files that tests generate and check |
//! | [`props`] | how often property tests are tried |
//!
//! It depends on no crate of the workspace, so that each of them can use it. All of it panics when a test cannot go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

pub mod access;
pub mod answer;
pub mod app;
pub mod documents;
pub mod http;
pub mod process;
pub mod props;
pub mod server;
pub mod settings;
pub mod until;

pub use answer::Answer;
pub use until::{PATIENCE, until, until_async};
