//! What an outcome means for the breaker, and for retries.

use resilience_actors::Outcome;

/// What an attempt says about the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Success,
    Neutral,
    /// A failure that counts unless a later attempt of the call is a success.
    FailureOncePerCall,
    /// A failure that counts whatever follows.
    FailureAtOnce,
}

/// The design's table: what an outcome says about the upstream, and whether it is retried.
pub(super) fn meaning(outcome: Outcome) -> (Says, bool) {
    use Says::{FailureAtOnce, FailureOncePerCall, Neutral, Success};
    match outcome {
        Outcome::Success | Outcome::ClientError => (Success, false),
        Outcome::Throttled | Outcome::Transient | Outcome::LocalShortage => (Neutral, true),
        Outcome::DeadlineExceeded | Outcome::Cancelled => (Neutral, false),
        Outcome::ServerError | Outcome::Unusable | Outcome::TimedOut => (FailureOncePerCall, true),
        Outcome::Redirect => (FailureOncePerCall, false),
        Outcome::Unreachable => (FailureAtOnce, true),
        Outcome::Unsupported | Outcome::Panicked => (FailureAtOnce, false),
    }
}

pub(super) fn says(outcome: Outcome) -> Says {
    meaning(outcome).0
}

pub(super) fn is_retried(outcome: Outcome) -> bool {
    meaning(outcome).1
}
