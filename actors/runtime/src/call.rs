//! A call as its caller sees it: how it is protected, and what became of it.

use std::{
    error::Error,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

use crate::{
    breaker::State,
    config::{optional_seconds, seconds},
    outcome::Outcome,
    rejection::Rejection,
};

/// Number of a call, unique in the process, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CallId(u64);

impl CallId {
    /// One that nobody has had before.
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

/// What stands between a call and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Circuit breaker and retries.
    Full,
    /// Circuit breaker, one attempt.
    BreakerOnly,
    /// One attempt, whatever the circuit's state, and no word to the breaker: a baseline.
    None,
}

impl Protection {
    /// `full`, `breaker-only` or `none`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::BreakerOnly => "breaker-only",
            Self::None => "none",
        }
    }

    pub(crate) fn asks_breaker(self) -> bool {
        self != Self::None
    }

    pub(crate) fn retries(self) -> bool {
        self == Self::Full
    }
}

/// One attempt of a call. Serialises with its times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRecord {
    /// 1 for the first.
    #[serde(rename = "attempt")]
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The protocol's own status, if there was an answer.
    #[serde(rename = "status_code")]
    pub code: Option<u16>,
    /// When it began: time since the call was asked for.
    #[serde(rename = "start_seconds", serialize_with = "seconds")]
    pub start: Duration,
    /// How long it took.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// How long the call waited after it; none after the last.
    #[serde(rename = "wait_seconds", serialize_with = "optional_seconds")]
    pub wait: Option<Duration>,
}

/// Why a call has no answer from the upstream.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E: Error> {
    /// The last attempt failed without one.
    #[error(transparent)]
    Transport(E),
    /// The last attempt took longer than its timeout.
    #[error("no answer within {:.3}s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The last attempt's timeout passed before it had a connection.
    #[error("no connection within {:.3}s", .0.as_secs_f64())]
    Unconnected(Duration),
    /// The call's deadline cut its last attempt short.
    #[error("the call's deadline of {:.3}s passed", .0.as_secs_f64())]
    DeadlineExceeded(Duration),
    /// The transport panicked.
    #[error("internal error: the attempt panicked")]
    Panicked,
    /// The runtime turned the call away.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The scheduler ended before it could answer.
    #[error("internal error: the retry scheduler is gone")]
    Lost,
}

/// What became of a call.
#[derive(Debug)]
pub struct CallReport<R, E: Error> {
    /// The call.
    pub id: CallId,
    /// The last thing that happened to it: the last attempt's answer, good or bad, or why there
    /// is none.
    pub result: Result<R, CallError<E>>,
    /// Its attempts, in order. Empty if it was turned away before the first.
    pub attempts: Vec<AttemptRecord>,
    /// The circuit's state after the call's own report.
    pub state: State,
    /// From the moment it was asked for to its answer, waits included.
    pub elapsed: Duration,
}
