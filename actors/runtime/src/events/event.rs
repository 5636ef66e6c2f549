//! What can happen, as data. Its JSON is what readers of the stream see.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::EventType;
use crate::{
    breaker::{Mode, State},
    call::{AttemptRecord, CallError, CallId, CallReport, Protection},
    config::{optional_seconds, seconds},
    outcome::Outcome,
    rejection::RejectionKind,
};

/// Something that happened at one moment.
///
/// Serialises as one object: `sequence`, `time` (RFC 3339, UTC, milliseconds), `breaker`, `type`,
/// and the fields of its kind. Times are seconds. What does not apply is absent.
#[derive(Debug, Serialize)]
pub struct Event {
    /// Its number in its log: from 1 on, without gaps.
    pub sequence: u64,
    /// When it was recorded.
    #[serde(serialize_with = "rfc3339")]
    pub time: SystemTime,
    /// The name of the breaker it belongs to.
    #[serde(serialize_with = "text")]
    pub breaker: Arc<str>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    #[serde(skip)]
    rendered: OnceLock<Bytes>,
}

impl Event {
    pub(crate) fn new(sequence: u64, time: SystemTime, breaker: Arc<str>, kind: EventKind) -> Self {
        Self { sequence, time, breaker, kind, rendered: OnceLock::new() }
    }

    /// The bytes that the first reader made of it by `render`, for all readers: a thousand streams
    /// share one copy. Every reader must pass the same function.
    pub fn rendered(&self, render: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.rendered.get_or_init(|| render(self)).clone()
    }
}

/// What happened. The JSON's `type` is [`EventKind::event_type`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EventKind {
    /// A new epoch began. One for each log line of the breaker.
    Transition {
        /// The state before.
        from: State,
        /// The state after: the same where a closed breaker was reset, or an open one forced open.
        to: State,
        /// The epoch that began.
        epoch: u64,
        /// Why, in the log line's words.
        cause: String,
        /// How long the epoch that ended lasted.
        #[serde(rename = "after_seconds", serialize_with = "seconds")]
        after: Duration,
        /// How long the circuit stays open, where it opened and will end by itself.
        #[serde(
            rename = "half_open_in_seconds",
            serialize_with = "optional_seconds",
            skip_serializing_if = "Option::is_none"
        )]
        half_open_in: Option<Duration>,
        /// Calls that the circuit turned away in the epoch that ended.
        rejected: u64,
    },
    /// Calls were turned away. One for each kind of rejection and second in which there were any.
    RejectionBurst {
        /// How.
        rejection: RejectionKind,
        /// How many.
        count: u64,
        /// Within what time: 1 s, less where a transition ended it.
        #[serde(rename = "seconds", serialize_with = "seconds")]
        window: Duration,
    },
    /// An attempt failed and its call waits for the next.
    Retry {
        /// The call.
        call: CallId,
        /// The attempt that failed, 1 for the first.
        attempt: u32,
        /// How many a call has in all.
        max_attempts: u32,
        /// What went wrong.
        cause: String,
        /// How long the call waits.
        #[serde(rename = "wait_seconds", serialize_with = "seconds")]
        wait: Duration,
        /// The trace that the call belongs to ([`Transport::trace_id`](crate::Transport::trace_id)).
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<String>,
    },
    /// The circuit opened, and the calls that waited at one scheduler were answered.
    Release {
        /// How many.
        calls: usize,
        /// Why it opened.
        #[serde(serialize_with = "text")]
        cause: Arc<str>,
    },
    /// Somebody closed the circuit by hand.
    Reset {
        /// The epoch that began with it.
        epoch: u64,
    },
    /// A trial did not report in time.
    LeaseExpired {
        /// The half-open epoch that it belonged to, and that ended with it.
        epoch: u64,
        /// How long it had.
        #[serde(rename = "lease_seconds", serialize_with = "seconds")]
        lease: Duration,
    },
    /// Somebody took the circuit out of its own control, or gave it back.
    Mode {
        /// The mode before.
        from: Mode,
        /// The mode after.
        to: Mode,
    },
    /// A call ended. Recorded by whoever answers it, who knows what was asked.
    Call(Box<CallEvent>),
    /// Events that were too many to be kept one by one.
    CallsSkipped {
        /// Their type.
        of: EventType,
        /// How many.
        count: u64,
    },
}

impl EventKind {
    /// Its type: what the JSON's `type` says.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::Transition { .. } => EventType::Transition,
            Self::RejectionBurst { .. } => EventType::RejectionBurst,
            Self::Retry { .. } => EventType::Retry,
            Self::Release { .. } => EventType::Release,
            Self::Reset { .. } => EventType::Reset,
            Self::LeaseExpired { .. } => EventType::LeaseExpired,
            Self::Mode { .. } => EventType::Mode,
            Self::Call(_) => EventType::Call,
            Self::CallsSkipped { .. } => EventType::CallsSkipped,
        }
    }
}

/// A call, when it has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallEvent {
    /// The call.
    pub call: CallId,
    /// What the caller was answered with; null if nobody was there to answer.
    pub status: Option<u16>,
    /// What became of it.
    pub outcome: CallOutcome,
    /// What stood between it and the upstream.
    pub protection: Protection,
    /// What the caller asked for, in the edge's own words.
    pub endpoint: &'static str,
    /// From the moment it was asked for to its answer.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// The circuit's state after the call's own report.
    #[serde(rename = "circuit_breaker_state")]
    pub state: State,
    /// Its attempts, in order. Empty if it was turned away before the first, or if nobody was there
    /// to be told of them.
    pub attempts: Vec<AttemptRecord>,
    /// The trace that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// What became of a call, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// Its last attempt was a success.
    Success,
    /// The upstream answered otherwise, or not at all.
    Failure,
    /// The runtime turned it away.
    Rejected,
    /// Its caller left before the answer.
    Abandoned,
}

impl CallOutcome {
    /// That of a call that was answered.
    pub fn of<R, E: std::error::Error>(report: &CallReport<R, E>) -> Self {
        match (&report.result, report.attempts.last()) {
            (Err(CallError::Rejected(_)), _) => Self::Rejected,
            (Ok(_), Some(last)) if last.outcome == Outcome::Success => Self::Success,
            _ => Self::Failure,
        }
    }

    /// `success`, `failure`, `rejected` or `abandoned`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Rejected => "rejected",
            Self::Abandoned => "abandoned",
        }
    }
}

/// In UTC, cut off at milliseconds. A clock that is centuries off is shown as 1970.
fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let time = jiff::Timestamp::try_from(*time).unwrap_or_default();
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
