//! Adaptive throttling: while the upstream refuses attempts, a share of them is rejected here.
//!
//! An upstream that is overloaded spends work on each request that it refuses. The rule is that of client-side
//! throttling in Beyer et al., "Site Reliability Engineering" (2016), chapter 21, "Handling Overload". Over two
//! minutes, it compares the requests of the callers with those that the upstream accepted, and rejects what exceeds
//! their ratio, by chance. Rejected requests count as requests: they show how much the callers want.
//!
//! As there (section "Criticality"), each priority has statistics of its own. So if the upstream refuses the less
//! important requests first, the more important ones are still made. And as a backend there refuses a criticality only
//! after the lower ones, no attempt is rejected with a higher probability than those of a lower priority, if there are
//! enough of them. If all attempts have the same priority, they are rejected as if there were no priorities.
//!
//! An attempt counts when it ends: as refused if its [`Verdict`] says so, and as accepted otherwise, also if it failed,
//! which is for the circuit breaker to judge. What did not reach the upstream counts as neither. It is no sign of a
//! refusal, and as an acceptance it would hide the refusals.

mod rule;
mod settings;
mod window;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
pub use settings::Throttle;
use window::Window;

use crate::{
    clock,
    limit::Priority,
    outcome::{Outcome, Verdict},
    rejection::{Rejection, RejectionKind},
};

/// What a rejected caller is told: the next attempt is rejected with the same probability, or a lower one.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The throttling of one upstream, shared by all threads.
#[derive(Debug)]
pub(crate) struct Throttling {
    settings: Throttle,
    /// Shared with the throttling of other settings.
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    window: Window,
    rejected: u64,
}

/// The throttling of an upstream at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThrottleSnapshot {
    /// Attempts of the last two minutes, with those that were rejected.
    pub requests: u64,
    /// Those of them that the upstream did not refuse.
    pub accepts: u64,
    /// The share of attempts that is rejected now, if as many of each priority come as in these minutes.
    pub probability: f64,
    /// The share that is rejected now of the attempts of each priority, by its level.
    pub probabilities: [f64; 4],
    /// Attempts rejected so far.
    pub rejected: u64,
}

impl Throttling {
    pub(crate) fn new(settings: Throttle, now: Instant) -> Self {
        let state = State { window: Window::new(now), rejected: 0 };
        Self { settings, state: Arc::new(Mutex::new(state)) }
    }

    /// The same window with other settings.
    pub(crate) fn with(&self, settings: Throttle) -> Self {
        Self { settings, state: Arc::clone(&self.state) }
    }

    /// Rejects an attempt with the probability that the rule says. `draw` is from 0 to 1, and asked for only if there
    /// is such a probability.
    pub(crate) fn admit(
        &self,
        now: Instant,
        priority: Priority,
        draw: impl FnOnce() -> f64,
    ) -> Result<(), Rejection> {
        let (mut state, ratio) = (self.state(), self.settings.throttle_ratio);
        let probability = state.window.attempts(now).probability(priority, ratio);
        if probability <= 0.0 || draw() >= probability {
            return Ok(());
        }
        state.window.add(now, priority, false);
        state.rejected += 1;
        Err(Rejection::new(RejectionKind::Throttle, RETRY_AFTER))
    }

    /// Learns how an attempt of this priority ended.
    pub(crate) fn record(&self, now: Instant, priority: Priority, verdict: &Verdict) {
        if verdict.refused || reached(verdict.outcome) {
            self.state().window.add(now, priority, !verdict.refused);
        }
    }

    pub(crate) fn snapshot(&self) -> ThrottleSnapshot {
        let (mut state, ratio) = (self.state(), self.settings.throttle_ratio);
        let levels = *state.window.attempts(clock::now());
        let all = levels.sum();
        ThrottleSnapshot {
            requests: all.requests,
            accepts: all.accepts,
            probability: levels.overall_probability(ratio),
            probabilities: Priority::ALL.map(|priority| levels.probability(priority, ratio)),
            rejected: state.rejected,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// False if the attempt did not reach the upstream, or may not have.
fn reached(outcome: Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Unreachable | Outcome::LocalShortage | Outcome::Panicked | Outcome::Cancelled
    )
}
