//! The types of events, for those who filter and count them.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr};

/// The type of an event: what the JSON's `type` says.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants of EventKind say what they are")]
#[strum(serialize_all = "kebab-case")]
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
}
