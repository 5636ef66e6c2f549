//! Messages to the retry scheduler's actor. [`Scheduler`](super::Scheduler) and the attempts send them.

use std::time::Instant;

use actix::Message;
use tokio::sync::oneshot;

use crate::{
    breaker::PendingFailure,
    call::{AttemptRecord, CallError, CallId, CallReport, Protection},
    limit::CallSlot,
    transport::Transport,
};

/// The report that the caller of transport `T` gets.
pub(crate) type ReportOf<T> = CallReport<<T as Transport>::Response, <T as Transport>::Error>;
/// The result of an attempt with transport `T`.
pub(crate) type ResultOf<T> =
    Result<<T as Transport>::Response, CallError<<T as Transport>::Error>>;

/// Starts a call. The scheduler owns it from its first attempt to its answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Call<T: Transport> {
    pub(crate) id: CallId,
    pub(crate) request: T::Request,
    pub(crate) protection: Protection,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    pub(crate) attempts: Vec<AttemptRecord>,
    /// The last failure. It counts when the call ends, unless a later attempt succeeds.
    pub(crate) pending: Option<PendingFailure>,
    /// Closed when the caller has left.
    pub(crate) reply: oneshot::Sender<ReportOf<T>>,
    pub(crate) slot: CallSlot,
}

impl<T: Transport> Call<T> {
    /// Counts the pending failure, and waits until the published state reflects it. To be awaited before the call is
    /// answered, because the answer contains the circuit's state.
    pub(crate) async fn settle(&mut self) {
        if let Some(failure) = self.pending.take() {
            failure.count().await;
        }
    }
}

/// Keeps a call until its next attempt is due.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Park<T: Transport> {
    pub(crate) call: Call<T>,
    pub(crate) since: Instant,
    pub(crate) due: Instant,
    /// The result of the last attempt. It is the answer if no further attempt is made.
    pub(crate) result: ResultOf<T>,
    /// What went wrong, for the log.
    pub(crate) cause: String,
}

/// Ends a waiting call because its caller has left.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Abandon(pub(crate) CallId);

/// Sent by the retry timer: the earliest waiting call may be due.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RetryDue;
