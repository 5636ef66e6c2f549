//! The steps of an episode, and how one is chosen.

use std::time::Duration;

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::Mode;

use super::changes::Change;
use crate::{
    record::Route,
    settings::{Settings, random_millis},
    upstream::Condition,
};

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Calls(Calls),
    /// A task asks the breaker for a permit, and holds it for a time.
    Permit {
        hold: Duration,
        end: PermitEnd,
    },
    CallerLeaves,
    PermitHolderLeaves,
    /// A caller that leaves after this number of turns.
    BriefCall(u32),
    /// A task that leaves after this number of turns.
    BriefPermit(u32, PermitEnd),
    TimePasses(Duration),
    UpstreamChanges(Condition),
    Reset,
    ChooseMode(Mode),
    FailuresInARow,
    SettingsChange(Change),
}

/// Calls that begin together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    pub(super) calls: u32,
    pub(super) route: Route,
    pub(super) idempotent: bool,
    pub(super) panics_early: bool,
    /// The callers share the call to their upstream that is in flight.
    pub(super) shared: bool,
}

/// What becomes of a permit.
#[derive(Debug, Clone, Copy)]
pub(super) enum PermitEnd {
    Success,
    Failure,
    Neutral,
    Drop,
}

/// What happens between a step and the next one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pause {
    /// Nothing.
    None,
    /// Each task that can run has this number of turns.
    Turns(u32),
    /// All that can run runs.
    Settle,
}

impl Step {
    pub(super) fn random(rng: &mut SmallRng, settings: &Settings) -> Self {
        let leave = settings.callers_leave;
        match rng.random_range(0..100) {
            0..38 => Self::Calls(Calls::random(rng, settings)),
            38..50 => {
                let hold = if rng.random() { Duration::ZERO } else { random_millis(rng, 1, 4_000) };
                Self::Permit { hold, end: PermitEnd::random(rng) }
            }
            50..54 if settings.settings_change => {
                Self::SettingsChange(Change::ALL[rng.random_range(0..Change::ALL.len())])
            }
            50..58 if leave => Self::CallerLeaves,
            58..61 if leave => Self::PermitHolderLeaves,
            61..63 if leave => Self::BriefCall(rng.random_range(0..8)),
            63..65 if leave => Self::BriefPermit(rng.random_range(0..8), PermitEnd::random(rng)),
            50..88 => Self::TimePasses(random_time(rng, settings)),
            88..93 => {
                Self::UpstreamChanges(Condition::ALL[rng.random_range(0..Condition::ALL.len())])
            }
            93..95 => Self::Reset,
            95..98 => Self::ChooseMode(match rng.random_range(0..5) {
                0 => Mode::ForcedOpen,
                1 => Mode::Disabled,
                _ => Mode::Auto,
            }),
            _ => Self::FailuresInARow,
        }
    }
}

/// Mostly less than a second. Sometimes exactly as long as something lasts.
fn random_time(rng: &mut SmallRng, settings: &Settings) -> Duration {
    match rng.random_range(0..20) {
        0..10 => random_millis(rng, 1, 50),
        10..17 => random_millis(rng, 50, 800),
        17 => settings.breaker.reset_timeout,
        18 => settings.breaker.trial_lease,
        _ => settings.calls.base_delay,
    }
}

impl Calls {
    /// One ordinary call.
    pub(super) const ONE: Self = Self {
        calls: 1,
        route: Route::Protected,
        idempotent: true,
        panics_early: false,
        shared: false,
    };

    fn random(rng: &mut SmallRng, settings: &Settings) -> Self {
        Self {
            shared: settings.callers_share && rng.random_bool(0.3),
            calls: if rng.random_bool(0.1) { rng.random_range(2..12) } else { 1 },
            route: match rng.random_range(0..10) {
                0 => Route::Bare,
                1 => Route::BreakerOnly,
                _ => Route::Protected,
            },
            idempotent: rng.random_bool(0.9),
            panics_early: rng.random_bool(0.02),
        }
    }
}

impl PermitEnd {
    fn random(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..6) {
            0 | 1 => Self::Success,
            2 | 3 => Self::Failure,
            4 => Self::Neutral,
            _ => Self::Drop,
        }
    }
}

impl Pause {
    pub(super) fn random(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..10) {
            0..3 => Self::None,
            3..6 => Self::Turns(rng.random_range(1..5)),
            _ => Self::Settle,
        }
    }
}
