//! The types of events, for those who filter and count them.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// The type of an event: what the JSON's `type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants of EventKind say what they are")]
pub enum EventType {
    Transition,
    RejectionBurst,
    Retry,
    Release,
    Reset,
    LeaseExpired,
    Mode,
    Call,
    CallsSkipped,
}

impl EventType {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Transition,
        Self::RejectionBurst,
        Self::Retry,
        Self::Release,
        Self::Reset,
        Self::LeaseExpired,
        Self::Mode,
        Self::Call,
        Self::CallsSkipped,
    ];

    /// Whether it comes seldom, however many calls there are: changes of the circuit and what they
    /// come of. Logs keep these longer than others.
    pub fn is_rare(self) -> bool {
        match self {
            Self::Transition | Self::Release | Self::Reset | Self::LeaseExpired | Self::Mode => {
                true
            }
            Self::RejectionBurst | Self::Retry | Self::Call | Self::CallsSkipped => false,
        }
    }

    /// Its name in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::RejectionBurst => "rejection-burst",
            Self::Retry => "retry",
            Self::Release => "release",
            Self::Reset => "reset",
            Self::LeaseExpired => "lease-expired",
            Self::Mode => "mode",
            Self::Call => "call",
            Self::CallsSkipped => "calls-skipped",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// No event is of this type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no type of event")]
pub struct UnknownEventType(pub String);

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        let found = Self::ALL.into_iter().find(|known| known.as_str() == name);
        found.ok_or_else(|| UnknownEventType(name.to_owned()))
    }
}
