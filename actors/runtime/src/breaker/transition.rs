//! The record of a change from one state to another.

use std::{fmt, time::Duration};

use super::{config::Window, phase::Phase};
use crate::{
    observe,
    state::{Mode, State},
};

/// Why a breaker changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// As many failures in a row as `fail_max` allows.
    ConsecutiveFailures {
        /// The length of the streak.
        failures: u32,
        /// What the last one was.
        last: String,
    },
    /// Too large a share of the calls in the window failed.
    FailureRate {
        failed: u64,
        calls: u64,
        window: Window,
        /// What the last failure was.
        last: String,
    },
    /// Too many of the calls in the window failed.
    Failures {
        failed: u64,
        window: Window,
        /// What the last failure was.
        last: String,
    },
    /// Too large a share of the calls in the window were slow.
    SlowRate {
        slow: u64,
        calls: u64,
        window: Window,
        /// What counts as slow.
        slow_call: Duration,
    },
    /// A trial failed, of this cause.
    TrialFailed(String),
    /// A trial did not report within its lease, of this length.
    LeaseExpired(Duration),
    /// So many trials succeeded.
    TrialsSucceeded(u32),
    /// The open time, of this length, has passed.
    ResetTimeout(Duration),
    /// Somebody asked for it.
    ManualReset,
    /// Somebody chose this mode.
    ModeChosen(Mode),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures { failures, last } => {
                write!(f, "{failures} consecutive failures, last: {last}")
            }
            Self::FailureRate { failed, calls, window, last } => {
                write!(f, "{} failed, last: {last}", Share { of: *calls, some: *failed, window })
            }
            Self::Failures { failed, window: Window::Calls(calls), last } => {
                write!(f, "{failed} of the last {calls} calls failed, last: {last}")
            }
            Self::Failures { failed, window: Window::Time(time), last } => {
                write!(f, "{failed} calls failed in {:.1}s, last: {last}", time.as_secs_f64())
            }
            Self::SlowRate { slow, calls, window, slow_call } => {
                let share = Share { of: *calls, some: *slow, window };
                write!(f, "{share} took over {}s", slow_call.as_secs_f64())
            }
            Self::TrialFailed(cause) => write!(f, "trial failed: {cause}"),
            Self::LeaseExpired(lease) => {
                write!(f, "trial did not report within its lease of {:.1}s", lease.as_secs_f64())
            }
            Self::TrialsSucceeded(1) => write!(f, "1 trial succeeded"),
            Self::TrialsSucceeded(trials) => write!(f, "{trials} trials succeeded"),
            Self::ResetTimeout(timeout) => {
                write!(f, "reset timeout of {:.1}s elapsed", timeout.as_secs_f64())
            }
            Self::ManualReset => write!(f, "manual reset"),
            Self::ModeChosen(Mode::Auto) => write!(f, "enabled by hand"),
            Self::ModeChosen(Mode::ForcedOpen) => write!(f, "forced open by hand"),
            Self::ModeChosen(Mode::Disabled) => write!(f, "disabled by hand"),
        }
    }
}

/// `50 % of the last 100 calls`, `50 % of 40 calls in 60.0s`.
struct Share<'a> {
    some: u64,
    of: u64,
    window: &'a Window,
}

impl fmt::Display for Share<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { some, of, window } = self;
        let percent = 100 * some / (*of).max(1);
        match window {
            Window::Calls(_) => write!(f, "{percent} % of the last {of} calls"),
            Window::Time(time) => {
                write!(f, "{percent} % of {of} calls in {:.1}s", time.as_secs_f64())
            }
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition {
    /// What begins.
    pub(crate) phase: Phase,
    /// The state before.
    pub(crate) from: State,
    /// The state after: the same as before where a closed breaker was reset.
    pub(crate) to: State,
    /// The mode before.
    pub(crate) from_mode: Mode,
    /// The mode after.
    pub(crate) mode: Mode,
    /// The epoch that begins with it. Epochs only grow.
    pub(crate) epoch: u64,
    /// Why.
    pub(crate) reason: Reason,
    /// How long the circuit stays open, where it opened by its own rules.
    pub(crate) half_open_in: Option<Duration>,
}

impl Transition {
    /// What observers are told, with how long the epoch before lasted and how many calls it rejected.
    pub(crate) fn told(self, after: Duration, rejected: u64) -> observe::Transition {
        let Self { from, to, from_mode, mode, epoch, reason, half_open_in, .. } = self;
        observe::Transition {
            from,
            to,
            from_mode,
            mode,
            epoch,
            cause: reason.to_string(),
            expired_lease: match reason {
                Reason::LeaseExpired(lease) => Some(lease),
                _ => None,
            },
            manual_reset: reason == Reason::ManualReset,
            after,
            half_open_in,
            rejected,
        }
    }
}
