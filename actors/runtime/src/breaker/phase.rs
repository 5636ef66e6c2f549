//! The phase of a circuit: state and mode in one.

use std::time::Instant;

use crate::state::{Mode, State};

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
