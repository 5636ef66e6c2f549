//! The states of a circuit, as callers see them.

use serde::Serialize;
use strum::{Display, IntoStaticStr};

/// The three states of a circuit breaker (Nygard, *Release It!*, 2007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    /// Calls pass; consecutive failures are counted.
    Closed,
    /// Calls are rejected at once, until the reset timeout has passed.
    Open,
    /// A limited number of trial calls find out whether the upstream has recovered.
    HalfOpen,
}

/// Whether a circuit is under its own control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Display, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Mode {
    /// It opens and closes as its rules say.
    #[default]
    Auto,
    /// Open until somebody says otherwise: every call is turned away.
    ForcedOpen,
    /// Closed until somebody says otherwise: every call passes.
    Disabled,
}
