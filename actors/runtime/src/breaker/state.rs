//! The states of a circuit, as callers see them and as the state machine knows them.

use std::{fmt, time::Instant};

use serde::Serialize;

/// The three states of a circuit breaker (Nygard, *Release It!*, 2007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Calls pass; consecutive failures are counted.
    Closed,
    /// Calls are rejected at once, until the reset timeout has passed.
    Open,
    /// A limited number of trial calls find out whether the upstream has recovered.
    HalfOpen,
}

impl State {
    /// `closed`, `open` or `half-open`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a circuit is under its own control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It opens and closes as its rules say.
    #[default]
    Auto,
    /// Open until somebody says otherwise: every call is turned away.
    ForcedOpen,
    /// Closed until somebody says otherwise: every call passes.
    Disabled,
}

impl Mode {
    /// `auto`, `forced-open` or `disabled`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ForcedOpen => "forced-open",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// State and mode in one, with the time that the state lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed,
    /// Open by its own rules until this instant.
    Open {
        until: Instant,
    },
    HalfOpen,
    ForcedOpen,
    Disabled,
}

impl Phase {
    pub(crate) fn state(self) -> State {
        match self {
            Self::Closed | Self::Disabled => State::Closed,
            Self::Open { .. } | Self::ForcedOpen => State::Open,
            Self::HalfOpen => State::HalfOpen,
        }
    }

    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Closed | Self::Open { .. } | Self::HalfOpen => Mode::Auto,
            Self::ForcedOpen => Mode::ForcedOpen,
            Self::Disabled => Mode::Disabled,
        }
    }

    /// True if every call passes.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Closed | Self::Disabled)
    }
}
