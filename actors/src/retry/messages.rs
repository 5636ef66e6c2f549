//! What a retry scheduler is told. Callers use [`Scheduler`](super::Scheduler), which sends these.

use std::time::Instant;

use actix::Message;
use tokio::sync::oneshot;

use crate::{
    breaker::PendingFailure,
    call::{AttemptRecord, CallError, CallId, CallReport, Protection},
    limit::CallSlot,
    transport::Transport,
};

/// How a call of transport `T` is answered.
pub(crate) type ReportOf<T> = CallReport<<T as Transport>::Response, <T as Transport>::Error>;
/// What an attempt of transport `T` came to.
pub(crate) type ResultOf<T> =
    Result<<T as Transport>::Response, CallError<<T as Transport>::Error>>;

/// A call, owned by the scheduler from its first attempt to its answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Call<T: Transport> {
    pub(crate) id: CallId,
    pub(crate) request: T::Request,
    pub(crate) protection: Protection,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    pub(crate) attempts: Vec<AttemptRecord>,
    /// The last failure, which counts when the call ends unless a later attempt is a success.
    pub(crate) pending: Option<PendingFailure>,
    /// Closed when the caller has left.
    pub(crate) reply: oneshot::Sender<ReportOf<T>>,
    pub(crate) slot: CallSlot,
}

impl<T: Transport> Call<T> {
    /// Counts the pending failure. Await it before the call is answered: the answer says what the state is then.
    pub(crate) async fn settle(&mut self) {
        if let Some(failure) = self.pending.take() {
            failure.count().await;
        }
    }
}

/// A call between two attempts.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Park<T: Transport> {
    pub(crate) call: Call<T>,
    pub(crate) since: Instant,
    pub(crate) due: Instant,
    /// What the last attempt came to: the answer, if the call does not wait after all.
    pub(crate) result: ResultOf<T>,
    /// What went wrong, for the log.
    pub(crate) cause: String,
}

/// A caller left.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Abandon(pub(crate) CallId);

/// The retry timer: the earliest waiting call may be due.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RetryDue;
