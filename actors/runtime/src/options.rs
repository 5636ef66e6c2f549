//! What a caller says about one call.

use std::time::{Duration, Instant};

use crate::{limit::Priority, report::CallId};

/// What a caller says about one call. By default: a number of its own, and all policies of the upstream.
///
/// ```
/// # use resilience_actors::{CallId, CallOptions};
/// let id = CallId::next();
/// let options = CallOptions::numbered(id).without_retries();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CallOptions {
    pub(crate) id: CallId,
    pub(crate) retries: bool,
    pub(crate) priority: Priority,
    pub(crate) variant: Option<u16>,
    time_left: Option<Duration>,
}

impl CallOptions {
    /// The defaults, with the next number.
    pub fn new() -> Self {
        Self::numbered(CallId::next())
    }

    /// The defaults, with a number that the caller knows from the beginning: one of [`CallId::next`], used for one
    /// call.
    pub fn numbered(id: CallId) -> Self {
        Self { id, retries: true, priority: Priority::default(), variant: None, time_left: None }
    }

    /// The call's number.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Makes one attempt without hedges, whatever its result. An attempt that does not reach the upstream is still
    /// repeated.
    pub fn without_retries(self) -> Self {
        Self { retries: false, ..self }
    }

    /// Says how important the call is, default [`Priority::Normal`]. Matters if the limit on attempts in flight has
    /// [priorities](crate::Concurrency::priorities), and for [throttling](crate::Throttle).
    pub fn priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Chooses one of [`CallSettings::variants`](crate::CallSettings::variants), by its index. The settings of the
    /// upstream apply if it has no such variant.
    pub fn variant(self, index: u16) -> Self {
        Self { variant: Some(index), ..self }
    }

    /// Says in what time from the start of the call its caller needs the answer. The call's deadline is the earlier of
    /// this and the upstream's [`deadline`](crate::UpstreamBuilder::deadline). By default only the upstream's applies.
    ///
    /// The deadline bounds the first attempt too, whatever its timeout. An attempt that it ends is
    /// [`DeadlineExceeded`](crate::Outcome::DeadlineExceeded), which is neutral: a short time says nothing about the
    /// upstream. Operations pass on what is left of it: see [`Attempt::deadline`](crate::Attempt::deadline).
    ///
    /// A call without any time left makes no attempt and asks no gate but the limit on calls. Its error is
    /// [`CallError::DeadlineExceeded`](crate::CallError::DeadlineExceeded), not a rejection: to try again later would
    /// not help its caller.
    pub fn time_left(self, time: Duration) -> Self {
        Self { time_left: Some(time), ..self }
    }

    /// The caller's deadline for a call that starts at this instant. A deadline that the clock cannot show is none.
    pub(crate) fn deadline(&self, started: Instant) -> Option<Instant> {
        self.time_left.and_then(|time| started.checked_add(time))
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self::new()
    }
}
