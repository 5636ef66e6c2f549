//! How long a call waits before a retry.

use std::time::Duration;

use resilience_actors::{Backoff, JitterMode};

use super::TICK;
use crate::{
    record::{Call, Ended},
    world::World,
};

impl World {
    /// The shortest and the longest wait after the last attempt of a call, which ended like this. The answer's
    /// `Retry-After` is a floor under both. It may pass `max_delay`, and is lengthened by up to its share `jitter`. So
    /// may a quiet period, which is a floor under the longest.
    pub(super) fn waits(&self, call: &Call, ended: Ended) -> (Duration, Duration) {
        let settings = &self.settings.calls;
        let (base, grown) = (settings.base_delay, self.backoff(call.attempts.len()));
        let longer = 1.0 + settings.jitter;
        let (shortest, longest) = match settings.jitter_mode {
            JitterMode::Proportional => (grown, grown.mul_f64(longer)),
            JitterMode::Full => (Duration::ZERO, grown),
            JitterMode::Decorrelated => {
                let previous = last_wait(call).map_or(base, |wait| base.max(wait + TICK));
                (base, settings.max_delay.min(3 * previous))
            }
        };
        let floor = ended.verdict.retry_after.unwrap_or_default();
        (shortest.max(floor), longest.max(floor.max(ended.quiet).mul_f64(longer)))
    }

    /// The wait after an attempt, without jitter, at most `max_delay`.
    fn backoff(&self, attempt: usize) -> Duration {
        let settings = &self.settings.calls;
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
}

/// How long a call waited before its last attempt.
fn last_wait(call: &Call) -> Option<Duration> {
    let [.., before, last] = call.attempts.as_slice() else { return None };
    Some(last.began - before.ended?.at)
}
