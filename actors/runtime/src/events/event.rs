//! Events as data, and their JSON.

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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its number in its log: from 1 on, without gaps.
    pub sequence: u64,
    /// When it was recorded.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub time: SystemTime,
    /// The name of the breaker it belongs to.
    #[serde(serialize_with = "text")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
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

    /// The bytes that `render` makes of the event. Only the first call runs `render`, and all readers share its bytes,
    /// so every reader must pass the same function.
    pub fn rendered(&self, render: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.rendered.get_or_init(|| render(self)).clone()
    }
}

/// What happened. The JSON's `type` is [`EventKind::event_type`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum EventKind {
    /// The circuit changed its state, or was closed or opened by hand while it was. A new epoch began.
    Transition {
        /// The state before.
        from: State,
        /// The state after: the same if a closed circuit was reset, or an open one forced open.
        to: State,
        /// The epoch that began.
        epoch: u64,
        /// Why, as in the log line.
        cause: String,
        /// How long the epoch that ended lasted.
        #[serde(rename = "after_seconds", serialize_with = "crate::seconds::serialize")]
        #[cfg_attr(feature = "openapi", schema(value_type = f64))]
        after: Duration,
        /// How long the circuit stays open, if it opened by its own rules.
        #[serde(
            rename = "half_open_in_seconds",
            serialize_with = "crate::seconds::optional::serialize",
            skip_serializing_if = "Option::is_none"
        )]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
        half_open_in: Option<Duration>,
        /// Number of calls that the circuit rejected in the epoch that ended.
        rejected: u64,
    },
    /// Calls were rejected. One event for each kind of rejection and second with rejections.
    RejectionBurst {
        /// The kind.
        rejection: RejectionKind,
        /// How many.
        count: u64,
        /// Time in which they were rejected: 1 s, or less if a transition ended it.
        #[serde(rename = "seconds", serialize_with = "crate::seconds::serialize")]
        #[cfg_attr(feature = "openapi", schema(value_type = f64))]
        window: Duration,
    },
    /// An attempt failed and its call waits for the next.
    Retry {
        /// The call.
        call: CallId,
        /// The attempt that failed, 1 for the first.
        attempt: u32,
        /// The maximum number of attempts.
        max_attempts: u32,
        /// What went wrong.
        cause: String,
        /// How long the call waits.
        #[serde(rename = "wait_seconds", serialize_with = "crate::seconds::serialize")]
        #[cfg_attr(feature = "openapi", schema(value_type = f64))]
        wait: Duration,
        /// The trace that the call belongs to ([`Operation::trace_id`](crate::Operation::trace_id)).
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<String>,
    },
    /// An attempt failed, and the retry budget refused a retry.
    RetryRefused {
        /// The call, which ended with it.
        call: CallId,
        /// The attempt that failed, 1 for the first.
        attempt: u32,
        /// The maximum number of attempts.
        max_attempts: u32,
        /// What went wrong.
        cause: String,
        /// The trace that the call belongs to.
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<String>,
    },
    /// The circuit opened, and one scheduler's waiting calls were answered.
    Release {
        /// How many.
        calls: usize,
        /// Why the circuit opened.
        #[serde(serialize_with = "text")]
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        cause: Arc<str>,
    },
    /// The circuit was closed by hand.
    Reset {
        /// The epoch that began with it.
        epoch: u64,
    },
    /// A trial did not report in time.
    LeaseExpired {
        /// The half-open epoch of the trial, which ended with it.
        epoch: u64,
        /// The lease.
        #[serde(rename = "lease_seconds", serialize_with = "crate::seconds::serialize")]
        #[cfg_attr(feature = "openapi", schema(value_type = f64))]
        lease: Duration,
    },
    /// The mode was changed by hand.
    Mode {
        /// The mode before.
        from: Mode,
        /// The mode after.
        to: Mode,
    },
    /// The settings of the running circuit, or of the calls, were changed.
    Reconfigured {
        /// Each setting that has changed, as in the log line: `fail_max 5 -> 3`. Durations are seconds.
        changes: Vec<String>,
        /// The epoch that began with empty windows, if the windows of the closed circuit could not stay.
        #[serde(skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
        /// Time to half-open, if it has changed.
        #[serde(
            rename = "half_open_in_seconds",
            serialize_with = "crate::seconds::optional::serialize",
            skip_serializing_if = "Option::is_none"
        )]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
        half_open_in: Option<Duration>,
    },
    /// A call ended. Recorded by the service that answers it, with fields of its own.
    Call(Fields),
    /// The log did not keep these events, because there were too many in one second.
    CallsSkipped {
        /// Their type.
        of: EventType,
        /// How many.
        count: u64,
    },
}

impl EventKind {
    /// The type: the JSON's `type`.
    pub fn event_type(&self) -> EventType {
        match self {
            Self::Transition { .. } => EventType::Transition,
            Self::RejectionBurst { .. } => EventType::RejectionBurst,
            Self::Retry { .. } => EventType::Retry,
            Self::RetryRefused { .. } => EventType::RetryRefused,
            Self::Release { .. } => EventType::Release,
            Self::Reset { .. } => EventType::Reset,
            Self::LeaseExpired { .. } => EventType::LeaseExpired,
            Self::Mode { .. } => EventType::Mode,
            Self::Reconfigured { .. } => EventType::Reconfigured,
            Self::Call(_) => EventType::Call,
            Self::CallsSkipped { .. } => EventType::CallsSkipped,
        }
    }
}

/// A service's own fields of an event: any value that serialises as a map.
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

/// An object of any fields.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Fields {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::Object::new().into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Fields {}

/// In UTC with milliseconds. A time that the format cannot express becomes 1970.
fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let time = jiff::Timestamp::try_from(*time).unwrap_or_default();
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
