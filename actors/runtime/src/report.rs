//! What a call's caller gets back.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;
use strum::IntoStaticStr;

use crate::{
    chaos::InjectedFault,
    outcome::{CallKind, Outcome},
    rejection::Rejection,
    state::State,
};

/// Number of a call, unique in the process, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct CallId(u64);

impl CallId {
    /// Returns the next unused number.
    pub fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One attempt of a call. Serialises with its times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRecord {
    /// 1 for the first attempt.
    pub number: u32,
    /// True if the attempt was a hedge: made beside another attempt of the same number.
    pub hedge: bool,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// The protocol's own status, if there was an answer.
    pub code: Option<u16>,
    /// Time from the start of the call to the start of the attempt.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub start: Duration,
    /// How long the attempt took.
    #[serde(serialize_with = "crate::seconds::serialize")]
    pub elapsed: Duration,
    /// How long the call waited after the attempt. `None` after the last attempt.
    #[serde(serialize_with = "crate::seconds::optional::serialize")]
    pub wait: Option<Duration>,
    /// The fault that was injected into the attempt. `None` also if a hedge was used before the attempt had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub injected: Option<InjectedFault>,
}

/// Why a call has no answer from the upstream.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError<E> {
    /// The last attempt returned this error.
    #[error("{0}")]
    Transport(E),
    /// The last attempt took longer than its timeout.
    #[error("no answer within {:.3}s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The last attempt's timeout passed before it had a connection.
    #[error("no connection within {:.3}s", .0.as_secs_f64())]
    Unconnected(Duration),
    /// The call's deadline cut its last attempt short, or no time was left for the first
    /// ([`CallOptions::time_left`](crate::CallOptions::time_left)). Holds the time from the start of the call to its
    /// deadline.
    #[error("the call's deadline of {:.3}s passed", .0.as_secs_f64())]
    DeadlineExceeded(Duration),
    /// The last attempt panicked.
    #[error("internal error: the attempt panicked")]
    Panicked,
    /// The last attempt failed because of fault injection ([`Chaos`](crate::Chaos)).
    #[error("injected failure")]
    Injected,
    /// The runtime rejected the call.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The scheduler ended before the call was answered.
    #[error("internal error: the retry scheduler is gone")]
    Lost,
}

impl<E> CallError<E> {
    pub(crate) fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }
}

/// What became of a call.
#[derive(Debug, Clone)]
pub struct CallReport<R, E> {
    /// The call.
    pub id: CallId,
    /// The last thing that happened to the call: the last attempt's answer, good or bad, or why there is none. The
    /// fallback's answer, if [`fallback`](Self::fallback) is true.
    pub result: Result<R, CallError<E>>,
    /// True if the call has no good answer and its fallback gave one.
    pub fallback: bool,
    /// The call's attempts, in order. Empty if the call was rejected before the first.
    pub attempts: Vec<AttemptRecord>,
    /// True if the retry budget refused a retry, so that the call ended earlier than it could have.
    pub retry_refused: bool,
    /// The circuit's state after the call's own report. [`State::Closed`] if the upstream has no circuit breaker.
    pub state: State,
    /// Time from the start of the call to its answer, waits included.
    pub elapsed: Duration,
}

impl<R, E> CallReport<R, E> {
    /// What became of the call, in one word.
    pub fn outcome(&self) -> CallOutcome {
        if self.fallback {
            return CallOutcome::Fallback;
        }
        CallOutcome::of(&self.result, &self.attempts)
    }

    /// True if the upstream is well and has answered: the last attempt was a success or a client error.
    pub(crate) fn is_answered(&self) -> bool {
        let last = self.attempts.last().map(|last| last.outcome.kind());
        self.result.is_ok() && last == Some(CallKind::Successful)
    }

    /// Why the call was rejected, if it was.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.result.as_ref().err().and_then(CallError::rejection)
    }
}

/// What became of a call, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum CallOutcome {
    /// The call's last attempt was a success.
    Success,
    /// The upstream answered otherwise, or not at all.
    Failure,
    /// The runtime rejected the call.
    Rejected,
    /// The call failed or was rejected, and its fallback answered. Observers see the call's own end before.
    Fallback,
    /// The caller left before the answer.
    Abandoned,
}

impl CallOutcome {
    /// What became of a call without a fallback.
    pub(crate) fn of<R, E>(result: &Result<R, CallError<E>>, attempts: &[AttemptRecord]) -> Self {
        match (result, attempts.last()) {
            (Err(CallError::Rejected(_)), _) => Self::Rejected,
            (Ok(_), Some(last)) if last.outcome == Outcome::Success => Self::Success,
            _ => Self::Failure,
        }
    }
}
