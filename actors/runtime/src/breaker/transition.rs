//! The change from one state to another, and why.

use std::{fmt, time::Duration};

use super::{config::Window, phase::Phase};
use crate::state::{Mode, State};

/// Why a circuit changed its state. Its `Display` is what the log line shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// `fail_max` failures in a row, or more if it was lowered in the meantime.
    ConsecutiveFailures {
        /// The length of the streak.
        failures: u32,
        /// What the last one was.
        last: String,
    },
    /// Too large a share of the calls in the window failed.
    FailureRate {
        /// The failures in the window.
        failed: u64,
        /// All calls in the window.
        calls: u64,
        /// The window.
        window: Window,
        /// What the last failure was.
        last: String,
    },
    /// Too many of the calls in the window failed.
    Failures {
        /// The failures in the window.
        failed: u64,
        /// The window.
        window: Window,
        /// What the last failure was.
        last: String,
    },
    /// Too large a share of the calls in the window were slow.
    SlowRate {
        /// The slow calls in the window.
        slow: u64,
        /// All calls in the window.
        calls: u64,
        /// The window.
        window: Window,
        /// A call that takes longer is slow.
        slow_call: Duration,
    },
    /// A trial failed for this cause.
    TrialFailed(String),
    /// A trial did not report within its lease, of this length.
    LeaseExpired(Duration),
    /// This number of trials succeeded.
    TrialsSucceeded(u32),
    /// The open time, of this length, has passed.
    ResetTimeout(Duration),
    /// This number of probes in a row succeeded before the open time had passed.
    ProbesSucceeded(u32),
    /// The circuit was reset by hand.
    ManualReset,
    /// This mode was chosen by hand.
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
            Self::ProbesSucceeded(1) => write!(f, "1 probe succeeded"),
            Self::ProbesSucceeded(probes) => write!(f, "{probes} probes succeeded"),
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

/// A circuit began a new epoch. Its `Display` is the log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after: the same if a closed circuit was reset, or an open one forced open.
    pub to: State,
    /// The mode before.
    pub from_mode: Mode,
    /// The mode after.
    pub mode: Mode,
    /// Number of the epoch that began. It grows by one with each transition, and with each change of the settings that
    /// empties the windows.
    pub epoch: u64,
    /// Why.
    pub reason: Reason,
    /// How long the epoch before lasted.
    pub after: Duration,
    /// How long the circuit stays open, if it opened by its own rules.
    pub half_open_in: Option<Duration>,
    /// What began.
    pub(crate) phase: Phase,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, reason, .. } = self;
        write!(f, "circuit_breaker: {from} -> {to} ({reason}")?;
        if let Some(wait) = self.half_open_in {
            write!(f, "; half-open in {:.1}s", wait.as_secs_f64())?;
        }
        f.write_str(")")
    }
}
