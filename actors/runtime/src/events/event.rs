//! What can happen, as data. Its JSON is what readers of the stream see.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::EventType;
use crate::{
    rejection::RejectionKind,
    report::CallId,
    state::{Mode, State},
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
        #[serde(rename = "after_seconds", serialize_with = "crate::seconds::serialize")]
        after: Duration,
        /// How long the circuit stays open, where it opened and will end by itself.
        #[serde(
            rename = "half_open_in_seconds",
            serialize_with = "crate::seconds::optional::serialize",
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
        #[serde(rename = "seconds", serialize_with = "crate::seconds::serialize")]
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
        #[serde(rename = "wait_seconds", serialize_with = "crate::seconds::serialize")]
        wait: Duration,
        /// The trace that the call belongs to ([`Operation::trace_id`](crate::Operation::trace_id)).
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
        #[serde(rename = "lease_seconds", serialize_with = "crate::seconds::serialize")]
        lease: Duration,
    },
    /// Somebody took the circuit out of its own control, or gave it back.
    Mode {
        /// The mode before.
        from: Mode,
        /// The mode after.
        to: Mode,
    },
    /// A call ended. Recorded by the service that answers it, with fields of its own.
    Call(Fields),
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

/// Fields of an event that this crate knows nothing of: any value that serialises as a map.
#[derive(Clone)]
pub struct Fields(Arc<dyn erased_serde::Serialize + Send + Sync>);

impl Fields {
    /// Keeps `fields` until the event is serialised.
    pub fn new(fields: impl Serialize + Send + Sync + 'static) -> Self {
        Self(Arc::new(fields))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields(..)")
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(&*self.0, serializer)
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
