//! The ways in which the runtime itself turns a call away.

use std::time::Duration;

use serde::Serialize;

/// A call that was turned away without asking the upstream. Never counts against the upstream.
///
/// Every kind says after what time it makes sense to come back. Where the circuit turns a call away,
/// a [`Scheduler`](crate::Scheduler) adds a random spread, so that callers who were turned away
/// together do not return together.
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
    /// The actor that decides is gone: the process is ending.
    #[error("circuit breaker is not running")]
    Stopped {
        /// One second.
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
}

impl RejectionKind {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::CircuitOpen, Self::TrialLimit, Self::Released, Self::Overloaded, Self::Stopped];

    /// Its name in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit-open",
            Self::TrialLimit => "trial-limit",
            Self::Released => "released",
            Self::Overloaded => "overloaded",
            Self::Stopped => "stopped",
        }
    }
}

impl Rejection {
    /// Its kind.
    pub fn kind(&self) -> RejectionKind {
        match self {
            Self::CircuitOpen { .. } => RejectionKind::CircuitOpen,
            Self::TrialLimit { .. } => RejectionKind::TrialLimit,
            Self::Released { .. } => RejectionKind::Released,
            Self::Overloaded { .. } => RejectionKind::Overloaded,
            Self::Stopped { .. } => RejectionKind::Stopped,
        }
    }

    /// After what time it makes sense to ask again.
    pub fn retry_after(&self) -> Duration {
        match *self {
            Self::CircuitOpen { retry_after }
            | Self::TrialLimit { retry_after }
            | Self::Released { retry_after }
            | Self::Overloaded { retry_after }
            | Self::Stopped { retry_after } => retry_after,
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
        | Self::Stopped { retry_after }) = &mut self;
        *retry_after += spread;
        self
    }
}
