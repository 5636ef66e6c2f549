//! What an attempt says about the upstream, and whether another attempt makes sense.

use std::time::Duration;

use serde::Serialize;
use strum::IntoStaticStr;

/// How an attempt ended, as far as breaker and retry scheduler care.
///
/// | outcome | breaker | retried |
/// |---|---|---|
/// | [`Success`](Self::Success) | success | no |
/// | [`Throttled`](Self::Throttled) | neutral | yes |
/// | [`Transient`](Self::Transient) | neutral | yes |
/// | [`ClientError`](Self::ClientError) | success: it is alive and answering | no |
/// | [`Unsupported`](Self::Unsupported) | failure | no |
/// | [`ServerError`](Self::ServerError) | failure, once per call | yes |
/// | [`Unusable`](Self::Unusable) | failure, once per call | yes |
/// | [`Redirect`](Self::Redirect) | failure, once per call | no |
/// | [`TimedOut`](Self::TimedOut) | failure, once per call | yes |
/// | [`Unreachable`](Self::Unreachable) | failure, at once, each attempt | yes |
/// | [`LocalShortage`](Self::LocalShortage) | neutral | yes |
/// | [`DeadlineExceeded`](Self::DeadlineExceeded) | neutral | no |
/// | [`Panicked`](Self::Panicked) | failure | no |
/// | [`Cancelled`](Self::Cancelled) | neutral | no |
///
/// "Once per call": a failure does not count if a later attempt of the call is a success. Otherwise the
/// call's last failure counts when the call ends, also if neutral outcomes or a rejection follow it
/// ([`BreakerScope`](crate::BreakerScope) changes that).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A good answer. HTTP: 2xx with a usable body.
    Success,
    /// The upstream asks to slow down. HTTP: 429.
    Throttled,
    /// The upstream asks to try again. HTTP: 408, 425.
    Transient,
    /// The request was wrong, the upstream is fine. HTTP: 4xx other than 408, 425 and 429.
    ClientError,
    /// The upstream will never do this. HTTP: 501.
    Unsupported,
    /// The upstream failed. HTTP: 5xx other than 501.
    ServerError,
    /// An answer that cannot be used. HTTP: a malformed head, an unexpected status, or a 2xx whose body is
    /// malformed, cut off or too large.
    Unusable,
    /// An answer that points elsewhere. Not followed.
    Redirect,
    /// No whole answer within the attempt's timeout.
    TimedOut,
    /// The upstream was not reached: refused, unresolvable, connect timeout, or closed before a
    /// byte of answer.
    Unreachable,
    /// This process lacked file descriptors, memory or ports for the attempt. Says nothing about the
    /// upstream.
    LocalShortage,
    /// Cut short by the call's deadline, before the attempt's own timeout; or a failure that arrived when the time of a
    /// [caller's own deadline](crate::CallOptions::time_left) was over.
    DeadlineExceeded,
    /// The transport panicked.
    Panicked,
    /// Dropped before its end, because another attempt beside it was a success (see [`Hedge`](crate::Hedge)), or
    /// because the client of a [protected server](crate::adapters) has left.
    Cancelled,
}

/// What an outcome means to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Success,
    Neutral,
    /// Counts when the call ends, unless a later attempt is a success.
    FailureOncePerCall,
    /// Counts whatever later attempts are.
    FailureAtOnce,
}

/// What an attempt counts as, in the three words that resilience4j has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum CallKind {
    /// The upstream answered as it should.
    Successful,
    /// The upstream failed.
    Failed,
    /// It says nothing about the upstream.
    Ignored,
}

impl Outcome {
    /// What an attempt that ended so counts as, whether or not a retry repairs it.
    pub fn kind(self) -> CallKind {
        match self.weight() {
            Weight::Success => CallKind::Successful,
            Weight::Neutral => CallKind::Ignored,
            Weight::FailureOncePerCall | Weight::FailureAtOnce => CallKind::Failed,
        }
    }

    pub(crate) fn weight(self) -> Weight {
        match self {
            Self::Success | Self::ClientError => Weight::Success,
            Self::Throttled
            | Self::Transient
            | Self::LocalShortage
            | Self::DeadlineExceeded
            | Self::Cancelled => Weight::Neutral,
            Self::ServerError | Self::Unusable | Self::Redirect | Self::TimedOut => {
                Weight::FailureOncePerCall
            }
            Self::Unsupported | Self::Unreachable | Self::Panicked => Weight::FailureAtOnce,
        }
    }

    /// Whether the next attempt must not use a kept connection, because this one may have failed on a dead one.
    pub(crate) fn blames_connection(self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreachable | Self::Transient)
    }

    /// Whether another attempt may do better.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Throttled
            | Self::Transient
            | Self::LocalShortage
            | Self::ServerError
            | Self::Unusable
            | Self::TimedOut
            | Self::Unreachable => true,
            Self::Success
            | Self::ClientError
            | Self::Unsupported
            | Self::Redirect
            | Self::DeadlineExceeded
            | Self::Panicked
            | Self::Cancelled => false,
        }
    }
}

/// A [`Operation`](crate::Operation)'s reading of one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What it says.
    pub outcome: Outcome,
    /// The protocol's own status, for logs and reports (HTTP's, for instance).
    pub code: Option<u16>,
    /// The upstream refused the request because it has too much to do (HTTP: 429, 503): see
    /// [`Throttle`](crate::Throttle).
    pub refused: bool,
    /// How long the upstream asked to be left alone: a floor under the wait before a retry.
    pub retry_after: Option<Duration>,
}

impl From<Outcome> for Verdict {
    /// [`Throttled`](Outcome::Throttled) is refused.
    fn from(outcome: Outcome) -> Self {
        let refused = outcome == Outcome::Throttled;
        Self { outcome, code: None, refused, retry_after: None }
    }
}
