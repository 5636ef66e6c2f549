//! How long a call waits before a retry.

use std::time::Duration;

use resilience_actors::{Backoff, JitterMode};

use super::TICK;
use crate::{
    record::{Call, Ended},
    support::Settings,
};

/// The shortest and the longest wait after the last attempt of a call, which ended like this. A `Retry-After` of this
/// attempt, or of one beside it, is a floor under both. It may pass `max_delay`, and is lengthened by up to its share
/// `jitter`. So may a quiet period, which is a floor under the longest.
pub(super) fn waits(call: &Call, ended: Ended) -> (Duration, Duration) {
    let settings = &call.settings;
    let (base, grown) = (settings.base_delay, backoff(settings, call.turn()));
    let longer = 1.0 + settings.jitter;
    let (shortest, longest) = match settings.jitter_mode {
        JitterMode::Proportional => (grown, grown.mul_f64(longer)),
        JitterMode::Full => (Duration::ZERO, grown),
        JitterMode::Decorrelated => {
            let previous = last_wait(call).map_or(base, |wait| base.max(wait + TICK));
            (base, settings.max_delay.min(3 * previous))
        }
    };
    let ends = call.attempts_of(call.turn()).filter_map(|attempt| attempt.ended);
    let asked = |end: Ended| end.verdict.retry_after.unwrap_or_default();
    let still_asked = |end: Ended| asked(end).saturating_sub(ended.at - end.at);
    let least = ends.clone().map(still_asked).max().unwrap_or_default();
    let most = ends.map(|end| asked(end).max(end.quiet)).max().unwrap_or_default();
    (shortest.max(least), longest.max(most.mul_f64(longer)))
}

/// The wait after an attempt, without jitter, at most `max_delay`.
fn backoff(settings: &Settings, attempt: u32) -> Duration {
    let mut wait = settings.base_delay;
    for _ in 1..attempt {
        wait = match settings.backoff {
            Backoff::Exponential => wait.mul_f64(settings.multiplier),
            Backoff::Linear => wait + settings.base_delay,
            Backoff::Constant => wait,
        };
    }
    wait.min(settings.max_delay)
}

/// How long a call waited before its last attempt, hedges aside.
fn last_wait(call: &Call) -> Option<Duration> {
    let began = call.attempts_of(call.turn()).map(|attempt| attempt.began).min()?;
    let before = call.attempts_of(call.turn() - 1).filter_map(|attempt| attempt.ended);
    Some(began - before.map(|ended| ended.at).max()?)
}
