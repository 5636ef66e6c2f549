//! What an attempt meets, by the condition that the upstream is in.

use std::time::{Duration, Instant};

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{Outcome, Verdict};

use crate::support::now;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Healthy,
    Flapping,
    Failing,
    Hanging,
    Unreachable,
    Refusing,
    Erratic,
}

/// What one attempt meets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) ending: Ending,
}

impl Plan {
    /// The upstream knows the caller's deadline. It gives up then, with a failure.
    pub(super) fn until(self, deadline: Instant) -> Self {
        let left = deadline.saturating_duration_since(now());
        match self.ending {
            Ending::Answer(_) if self.delay >= left => {
                Self { delay: left, ending: Ending::Answer(Outcome::ServerError.into()) }
            }
            _ => self,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Answer(Verdict),
    NoAnswer,
    Hang,
    HangConnecting,
    Panic,
    PanicInClassify,
}

impl Condition {
    pub(crate) const ALL: [Self; 7] = [
        Self::Healthy,
        Self::Flapping,
        Self::Failing,
        Self::Hanging,
        Self::Unreachable,
        Self::Refusing,
        Self::Erratic,
    ];

    pub(crate) fn plan(self, rng: &mut SmallRng) -> Plan {
        let delay = match rng.random_range(0..4) {
            0 | 1 => Duration::ZERO,
            2 => Duration::from_millis(rng.random_range(1..300)),
            _ => Duration::from_millis(rng.random_range(1..3_000)),
        };
        let answer = |outcome: Outcome| Ending::Answer(outcome.into());
        // In any condition, one attempt in ten meets something else.
        let ending = match (self, rng.random_range(0..10)) {
            (_, 0) | (Self::Erratic, _) => any_ending(rng),
            (Self::Healthy, _) | (Self::Flapping, 1..=4) => answer(Outcome::Success),
            (Self::Flapping, _) => Ending::Answer(any_verdict(rng)),
            (Self::Failing, _) => answer(Outcome::ServerError),
            (Self::Hanging, 1..=5) => Ending::Hang,
            (Self::Hanging, _) => answer(Outcome::Success),
            (Self::Unreachable, 1..=6) => Ending::NoAnswer,
            (Self::Unreachable, _) => Ending::HangConnecting,
            (Self::Refusing, _) => answer(Outcome::Throttled),
        };
        Plan { delay, ending }
    }
}

fn any_ending(rng: &mut SmallRng) -> Ending {
    match rng.random_range(0..8) {
        0 => Ending::Panic,
        1 => Ending::PanicInClassify,
        2 | 3 => Ending::NoAnswer,
        4 => Ending::Hang,
        5 => Ending::HangConnecting,
        _ => Ending::Answer(any_verdict(rng)),
    }
}

/// An outcome that an answer can have. Some throttled answers have a `Retry-After`.
fn any_verdict(rng: &mut SmallRng) -> Verdict {
    const OUTCOMES: [Outcome; 10] = [
        Outcome::Success,
        Outcome::Throttled,
        Outcome::Transient,
        Outcome::LocalShortage,
        Outcome::ClientError,
        Outcome::Unsupported,
        Outcome::ServerError,
        Outcome::Unusable,
        Outcome::Redirect,
        Outcome::Unreachable,
    ];
    let outcome = OUTCOMES[rng.random_range(0..OUTCOMES.len())];
    let floor = rng.random_bool(0.3).then(|| Duration::from_millis(rng.random_range(0..5_000)));
    let retry_after = floor.filter(|_| outcome == Outcome::Throttled);
    Verdict { retry_after, ..outcome.into() }
}
