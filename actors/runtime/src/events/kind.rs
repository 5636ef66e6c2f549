//! The types of events, for filters and counts.

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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the variants of EventKind say what they are")]
#[strum(serialize_all = "kebab-case")]
pub enum EventType {
    Transition,
    RejectionBurst,
    Retry,
    RetryRefused,
    Release,
    Reset,
    LeaseExpired,
    Mode,
    Reconfigured,
    Call,
    CallsSkipped,
}

impl EventType {
    /// All types.
    pub const ALL: [Self; 11] = [
        Self::Transition,
        Self::RejectionBurst,
        Self::Retry,
        Self::RetryRefused,
        Self::Release,
        Self::Reset,
        Self::LeaseExpired,
        Self::Mode,
        Self::Reconfigured,
        Self::Call,
        Self::CallsSkipped,
    ];

    /// True for changes of the circuit and their causes, which are few however many calls there are. Logs keep them
    /// longer than other events.
    pub fn is_rare(self) -> bool {
        match self {
            Self::Transition
            | Self::Release
            | Self::Reset
            | Self::LeaseExpired
            | Self::Mode
            | Self::Reconfigured => true,
            Self::RejectionBurst
            | Self::Retry
            | Self::RetryRefused
            | Self::Call
            | Self::CallsSkipped => false,
        }
    }
}
