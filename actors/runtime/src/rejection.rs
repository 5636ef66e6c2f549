//! Why the runtime rejects a call.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;

/// A call that a gate rejected without asking the upstream. Never counts against the upstream. Its `Display` says why.
///
/// For rejected attempts, the runtime adds a random spread to `retry_after`, so that callers that
/// were rejected together do not return together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    kind: RejectionKind,
    gate: &'static str,
    reason: Cow<'static, str>,
    pub(crate) retry_after: Duration,
}

/// The kind of a [`Rejection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RejectionKind {
    /// The circuit is open.
    CircuitOpen,
    /// The circuit is half-open and every trial permit is taken.
    TrialLimit,
    /// The circuit opened while the call waited for its next attempt.
    Released,
    /// As many calls are in flight or waiting as the process allows.
    Overloaded,
    /// The breaker's actor is gone: the process is ending.
    Stopped,
    /// The upstream refuses many attempts, and this one was not made ([`Throttle`](crate::Throttle)).
    Throttle,
    /// Too many attempts were made at the upstream in this period, and the call could not wait for its turn.
    RateLimit,
    /// Too many attempts are in flight at the upstream, and the call could not wait for a place.
    ConcurrencyLimit,
    /// The upstream has asked for no calls until later ([`QuietPeriod`](crate::QuietPeriod)).
    QuietPeriod,
    /// A [`Gate`](crate::Gate) of the user's own rejected the attempt.
    Gate,
}

impl RejectionKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::CircuitOpen,
        Self::TrialLimit,
        Self::Released,
        Self::Overloaded,
        Self::Stopped,
        Self::Throttle,
        Self::RateLimit,
        Self::ConcurrencyLimit,
        Self::QuietPeriod,
        Self::Gate,
    ];

    /// True if the circuit breaker rejects calls so, and not another gate.
    pub fn is_by_circuit(self) -> bool {
        matches!(self, Self::CircuitOpen | Self::TrialLimit | Self::Released | Self::Stopped)
    }

    fn gate_and_reason(self) -> (&'static str, &'static str) {
        const BREAKER: &str = "circuit-breaker";
        match self {
            Self::CircuitOpen => (BREAKER, "circuit breaker is open"),
            Self::TrialLimit => {
                (BREAKER, "circuit breaker is half-open and all its trial calls are taken")
            }
            Self::Released => (BREAKER, "circuit breaker opened while the call waited for a retry"),
            Self::Stopped => (BREAKER, "circuit breaker is not running"),
            Self::Overloaded => ("call-limit", "too many calls in flight"),
            Self::Throttle => ("throttle", "the upstream refuses many requests"),
            Self::RateLimit => ("rate-limit", "too many attempts at the upstream in this period"),
            Self::ConcurrencyLimit => {
                ("concurrency-limit", "too many attempts in flight at the upstream")
            }
            Self::QuietPeriod => {
                ("quiet-period", "the upstream has asked for no calls until later")
            }
            Self::Gate => ("gate", "rejected by a gate"),
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
        Self { kind: RejectionKind::Gate, gate, reason: reason.into(), retry_after }
    }

    /// The rejection of this kind by a gate of the runtime.
    pub fn new(kind: RejectionKind, retry_after: Duration) -> Self {
        let (gate, reason) = kind.gate_and_reason();
        Self { kind, gate, reason: reason.into(), retry_after }
    }

    /// The same for a reason of its own.
    pub(crate) fn because(
        kind: RejectionKind,
        reason: &'static str,
        retry_after: Duration,
    ) -> Self {
        Self { reason: reason.into(), ..Self::new(kind, retry_after) }
    }

    /// The kind.
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The gate that rejected the call: `circuit-breaker`, `call-limit`, `throttle`, `rate-limit`, `concurrency-limit`,
    /// `quiet-period`, or the name of the user's own gate.
    pub fn gate(&self) -> &'static str {
        self.gate
    }

    /// After what time it makes sense to try again.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}
