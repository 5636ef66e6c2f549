//! The record of a change from one state to another.

use std::{fmt, time::Duration};

use super::state::{Mode, Phase, State};

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
    /// A trial failed, of this cause.
    TrialFailed(String),
    /// A trial did not report within its lease, of this length.
    LeaseExpired(Duration),
    /// So many trials succeeded.
    TrialsSucceeded(u32),
    /// The reset timeout, of this length, has passed.
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

/// A change of state. Its `Display` is the log line.
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
