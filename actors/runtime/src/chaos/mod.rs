//! Fault injection: a share of the attempts fails, is delayed or panics, for tests and game days.
//!
//! An experiment shows whether a system withstands a fault before the fault happens by itself: Basiri et al., "Chaos
//! Engineering", IEEE Software 33(3), 2016. The faults are injected at the innermost place, inside the attempt's
//! timeout and where its panics are contained, so that all other policies see them as faults of the upstream. A failure
//! and a panic take the place of the operation; a delay comes before it.
//!
//! One fault is drawn for each attempt, hedges included. Repeats on a fresh connection belong to their attempt: they
//! have no draw of their own.
//!
//! Fault injection must not go unnoticed: a line at `warn` says when it goes on, is changed and goes off, another one
//! reminds once a minute while attempts are made, and each faulty attempt says so in its record, unless a hedge
//! overtakes it.

mod draw;
mod reminder;
mod settings;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use draw::InjectedFault;
use draw::draw;
use rand::{SeedableRng as _, rngs::SmallRng};
use reminder::Reminder;
use serde::Serialize;
pub use settings::Chaos;

/// The fault injection of one upstream, shared by all threads.
#[derive(Debug)]
pub(crate) struct Injection {
    /// Shared with the injection of other settings, which are those of all calls at once.
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    chaos: Chaos,
    rng: SmallRng,
    attempts: u64,
    failures: u64,
    delays: u64,
    panics: u64,
    reminder: Reminder,
}

/// The fault injection of an upstream at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChaosSnapshot {
    /// Share of the attempts that fail.
    pub failure_rate: f64,
    /// Share of the attempts that are delayed.
    pub delay_rate: f64,
    /// The delay. Serialises in seconds.
    #[serde(rename = "delay_seconds", serialize_with = "crate::seconds::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub delay: Duration,
    /// Share of the attempts that panic.
    pub panic_rate: f64,
    /// Attempts since fault injection went on, with or without a fault.
    pub attempts: u64,
    /// Failures injected since then.
    pub failures: u64,
    /// Delays injected since then.
    pub delays: u64,
    /// Panics injected since then.
    pub panics: u64,
}

/// What was drawn for an attempt.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) fault: Option<InjectedFault>,
    /// How long a delay takes.
    pub(crate) delay: Duration,
    /// To be told now, if it is due.
    pub(crate) reminder: Option<ChaosReminder>,
}

/// Fault injection that is still on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChaosReminder {
    /// What it does.
    pub chaos: Chaos,
    /// Number of faults since the last reminder, or since fault injection went on.
    pub faults: u64,
    /// The time since then.
    pub since: Duration,
}

impl Injection {
    /// Without a seed of its own, the sequence of faults follows from `rng`.
    pub(crate) fn new(chaos: Chaos, now: Instant, rng: &mut SmallRng) -> Self {
        let rng = chaos.chaos_seed.map_or_else(|| rng.fork(), SmallRng::seed_from_u64);
        let (attempts, failures, delays, panics, reminder) = (0, 0, 0, 0, Reminder::new(now));
        let state = State { chaos, rng, attempts, failures, delays, panics, reminder };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The same counts with other settings. The sequence of faults goes on, unless it gets another seed.
    pub(crate) fn with(&self, chaos: Chaos, now: Instant) -> Self {
        let state = &mut *self.state();
        if let Some(seed) = chaos.chaos_seed.filter(|_| chaos.chaos_seed != state.chaos.chaos_seed)
        {
            state.rng = SmallRng::seed_from_u64(seed);
        }
        if chaos != state.chaos {
            state.reminder = Reminder::new(now);
        }
        state.chaos = chaos;
        Self { state: Arc::clone(&self.state) }
    }

    /// Injects nothing any more, also into the attempts of calls that began before.
    pub(crate) fn switch_off(&self) {
        self.state().chaos = Chaos::default();
    }

    /// Draws the fault of an attempt that begins `now`, and counts it.
    pub(crate) fn draw(&self, now: Instant) -> Drawn {
        let state = &mut *self.state();
        if !state.chaos.is_on() {
            return Drawn { fault: None, delay: Duration::ZERO, reminder: None };
        }
        let fault = draw(&state.chaos, &mut state.rng);
        state.attempts += 1;
        match fault {
            Some(InjectedFault::Failure) => state.failures += 1,
            Some(InjectedFault::Delay) => state.delays += 1,
            Some(InjectedFault::Panic) => state.panics += 1,
            None => {}
        }
        let reminder = state
            .reminder
            .attempt(now, fault.is_some())
            .map(|(faults, since)| ChaosReminder { chaos: state.chaos.clone(), faults, since });
        Drawn { fault, delay: state.chaos.chaos_delay, reminder }
    }

    pub(crate) fn snapshot(&self) -> ChaosSnapshot {
        let state = self.state();
        ChaosSnapshot {
            failure_rate: state.chaos.chaos_failure_rate,
            delay_rate: state.chaos.chaos_delay_rate,
            delay: state.chaos.chaos_delay,
            panic_rate: state.chaos.chaos_panic_rate,
            attempts: state.attempts,
            failures: state.failures,
            delays: state.delays,
            panics: state.panics,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
