//! What a retry scheduler needs of the thing that does the work.

use std::{error::Error, future::Future};

use crate::{call::CallId, outcome::Verdict};

/// Carries requests to the upstream, one attempt at a time.
///
/// A transport need not be `Send`: each scheduler owns one, on its own thread. It must not retry,
/// nor time attempts out: the scheduler does both, and drops the future of an attempt whose time is
/// up.
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
        attempt: Attempt,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>>;

    /// Says what a result means. See [`Outcome`](crate::Outcome) for the kinds and what follows
    /// from each.
    fn classify(&self, result: &Result<Self::Response, Self::Error>) -> Verdict;

    /// Whether the request may reach the upstream more than once. Others are never retried, nor
    /// repeated on a fresh connection.
    fn is_idempotent(&self, request: &Self::Request) -> bool;
}

/// Which attempt of which call this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The call.
    pub call: CallId,
    /// 1 for the first attempt.
    pub number: u32,
    /// How often this attempt has failed to reach the upstream already. From 1 on the transport
    /// must use a fresh connection.
    pub repeat: u32,
}
