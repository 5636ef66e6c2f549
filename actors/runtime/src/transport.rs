//! What a retry scheduler needs of the code that carries a request to the upstream.

use std::{borrow::Cow, cell::Cell, error::Error, future::Future, time::Instant};

use crate::{
    call::{AttemptRecord, CallId, Protection},
    outcome::Verdict,
};

/// Carries requests to the upstream, one attempt at a time.
///
/// A transport need not be `Send`: each scheduler owns one, on its own thread. It must not retry,
/// and need not time the attempt out: the scheduler does both, and drops the future of an attempt
/// whose time is up. A time limit for connecting is the transport's own.
pub trait Transport: 'static {
    /// What is asked. Kept for the whole call and borrowed by each attempt.
    type Request: Send + 'static;
    /// What the upstream answered, whether its caller likes it or not.
    type Response: Send + 'static;
    /// Why there is no answer. Its `Display` is read by users and in logs.
    type Error: Error + Send + 'static;

    /// Makes one attempt. A panic in it fails the call and nothing else.
    fn attempt(
        &self,
        request: &Self::Request,
        attempt: Attempt<'_>,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>>;

    /// Says what a result means. See [`Outcome`](crate::Outcome) for the kinds and what follows
    /// from each.
    fn classify(&self, result: &Result<Self::Response, Self::Error>) -> Verdict;

    /// Whether the request may reach the upstream more than once. Others are never retried, nor
    /// repeated on a fresh connection.
    fn is_idempotent(&self, request: &Self::Request) -> bool;

    /// The trace that the request belongs to, if there is one. Log lines about its call carry it as
    /// the key `trace_id`, and its retry events have it. Asked only when there is such a line.
    fn trace_id<'a>(&self, request: &'a Self::Request) -> Option<Cow<'a, str>> {
        let _ = request;
        None
    }

    /// Told of each attempt as soon as it has ended, also if the caller has left meanwhile: for
    /// metrics. Its wait is not known yet. A panic in it is logged and changes nothing.
    fn ended(&self, protection: Protection, attempt: &AttemptRecord) {
        let _ = (protection, attempt);
    }
}

/// Which attempt of which call this is, how it is to be made, and how far it has come.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The call.
    pub call: CallId,
    /// 1 for the first attempt.
    pub number: u32,
    /// How often this attempt has failed to reach the upstream already.
    pub repeat: u32,
    /// The transport must open a new connection for this attempt: it is a repeat, a trial of a half-open
    /// circuit, or follows an attempt that may have failed on a dead connection.
    pub fresh_connection: bool,
    /// When the scheduler drops this attempt; later if the process was stopped meanwhile. A transport that can use an
    /// incomplete answer must return it before this instant.
    pub due: Instant,
    /// For the transport to say that it looks for a connection (true), and that it has one
    /// (false). An attempt whose time is up meanwhile is
    /// [`Unreachable`](crate::Outcome::Unreachable), and
    /// [`TimedOut`](crate::Outcome::TimedOut) otherwise. A transport that says nothing is taken
    /// to have a connection.
    pub connecting: &'a Cell<bool>,
}
