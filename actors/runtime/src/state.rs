//! The states of a circuit, as callers see them.

use std::fmt;

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
