//! Why the runtime rejects a call.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;

/// A call that a gate rejected without asking the upstream. Never counts against the upstream.
///
/// Each says which gate rejected the call, why, and when it makes sense to try again. For rejected attempts, the
/// runtime adds a random spread to that time, so that callers that were rejected together do not return together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The circuit is open.
    #[error("circuit breaker is open")]
    CircuitOpen {
        /// Time to half-open.
        retry_after: Duration,
    },
    /// The circuit is half-open and every trial permit is taken.
    #[error("circuit breaker is half-open and all its trial calls are taken")]
    TrialLimit {
        /// When a permit may be free.
        retry_after: Duration,
    },
    /// The circuit opened while the call waited for its next attempt.
    #[error("circuit breaker opened while the call waited for a retry")]
    Released {
        /// Time to half-open.
        retry_after: Duration,
    },
    /// As many calls are in flight or waiting as the process allows.
    #[error("too many calls in flight")]
    Overloaded {
        /// One second.
        retry_after: Duration,
    },
    /// The breaker's actor is gone: the process is ending.
    #[error("circuit breaker is not running")]
    Stopped {
        /// One second.
        retry_after: Duration,
    },
    /// A [`Gate`](crate::Gate) of the user's own rejected the attempt.
    #[error("{reason}")]
    Gate {
        /// The gate's name.
        gate: &'static str,
        /// Why, as a user should read it.
        reason: Cow<'static, str>,
        /// When the gate may admit an attempt.
        retry_after: Duration,
    },
}

/// The kind of a [`Rejection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectionKind {
    /// [`Rejection::CircuitOpen`].
    CircuitOpen,
    /// [`Rejection::TrialLimit`].
    TrialLimit,
    /// [`Rejection::Released`].
    Released,
    /// [`Rejection::Overloaded`].
    Overloaded,
    /// [`Rejection::Stopped`].
    Stopped,
    /// [`Rejection::Gate`].
    Gate,
}

impl RejectionKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::CircuitOpen,
        Self::TrialLimit,
        Self::Released,
        Self::Overloaded,
        Self::Stopped,
        Self::Gate,
    ];

    /// The kind's name in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit-open",
            Self::TrialLimit => "trial-limit",
            Self::Released => "released",
            Self::Overloaded => "overloaded",
            Self::Stopped => "stopped",
            Self::Gate => "gate",
        }
    }
}

impl Rejection {
    /// The rejection by a gate of the user's own.
    pub fn by_gate(
        gate: &'static str,
        reason: impl Into<Cow<'static, str>>,
        retry_after: Duration,
    ) -> Self {
        Self::Gate { gate, reason: reason.into(), retry_after }
    }

    /// The gate that rejected the call: `circuit-breaker`, `call-limit`, or the name of the user's own gate.
    pub fn gate(&self) -> &'static str {
        match self {
            Self::CircuitOpen { .. }
            | Self::TrialLimit { .. }
            | Self::Released { .. }
            | Self::Stopped { .. } => "circuit-breaker",
            Self::Overloaded { .. } => "call-limit",
            Self::Gate { gate, .. } => gate,
        }
    }

    /// The kind.
    pub fn kind(&self) -> RejectionKind {
        match self {
            Self::CircuitOpen { .. } => RejectionKind::CircuitOpen,
            Self::TrialLimit { .. } => RejectionKind::TrialLimit,
            Self::Released { .. } => RejectionKind::Released,
            Self::Overloaded { .. } => RejectionKind::Overloaded,
            Self::Stopped { .. } => RejectionKind::Stopped,
            Self::Gate { .. } => RejectionKind::Gate,
        }
    }

    /// After what time it makes sense to try again.
    pub fn retry_after(&self) -> Duration {
        match *self {
            Self::CircuitOpen { retry_after }
            | Self::TrialLimit { retry_after }
            | Self::Released { retry_after }
            | Self::Overloaded { retry_after }
            | Self::Stopped { retry_after }
            | Self::Gate { retry_after, .. } => retry_after,
        }
    }

    pub(crate) fn overloaded() -> Self {
        Self::Overloaded { retry_after: Duration::from_secs(1) }
    }

    pub(crate) fn stopped() -> Self {
        Self::Stopped { retry_after: Duration::from_secs(1) }
    }

    /// The same, `spread` later.
    pub(crate) fn delayed_by(mut self, spread: Duration) -> Self {
        let (Self::CircuitOpen { retry_after }
        | Self::TrialLimit { retry_after }
        | Self::Released { retry_after }
        | Self::Overloaded { retry_after }
        | Self::Stopped { retry_after }
        | Self::Gate { retry_after, .. }) = &mut self;
        *retry_after += spread;
        self
    }
}
