//! Test helpers that `actors/edge`, `backend` and `client` share. A dev-dependency only.
//!
//! | module | role |
//! |---|---|
//! | [`access`] | checks that changes need the admin token, and that no client sees a secret |
//! | [`answer`] | one HTTP answer, from a socket or from an application in this process |
//! | [`http`] | the HTTP/1.1 client: raw bytes where a test needs them, requests and answers elsewhere |
//! | [`server`] | a server that plays a script on each connection |
//! | [`certificates`] | certificates for servers and clients with TLS |
//! | [`process`] | a service as a process: start, log, signals, end |
//! | [`app`] | answers of an application without a socket |
//! | [`mod@until`] | waiting for a condition, for a bounded time |
//! | [`mod@settings`] | checks that each setting refuses invalid values, and of the error |
//! | [`openapi`] | checks of a service's OpenAPI document |
//! | [`documents`] | parts of Markdown files that tests generate and check |
//! | [`props`] | the number of cases of property tests |
//!
//! It depends on no crate of the workspace, so that each of them can use it. Its functions panic when a test cannot
//! continue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

pub mod access;
pub mod answer;
pub mod app;
pub mod certificates;
pub mod documents;
pub mod http;
pub mod openapi;
pub mod process;
pub mod props;
pub mod server;
pub mod settings;
pub mod until;

pub use answer::Answer;
pub use until::{PATIENCE, until, until_async};
