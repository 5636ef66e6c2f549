//! The states of a circuit, as callers see them.

use serde::Serialize;
use strum::{Display, IntoStaticStr};

/// The three states of a circuit breaker (Nygard, *Release It!*, 2007).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Display, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    /// Calls pass, and their results are counted.
    Closed,
    /// Calls are rejected at once, until the reset timeout has passed.
    Open,
    /// A limited number of trial calls find out whether the upstream has recovered.
    HalfOpen,
}

/// Whether a circuit follows its own rules or was set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Display, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Mode {
    /// Opens and closes by its rules.
    #[default]
    Auto,
    /// Open until it is changed by hand: every call is rejected.
    ForcedOpen,
    /// Closed until it is changed by hand: every call passes.
    Disabled,
}
