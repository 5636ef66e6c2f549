//! What can be seen of a breaker from outside.

use std::time::Duration;

use actix::MessageResponse;
use serde::Serialize;

use super::{
    config::BreakerSettings,
    state::{Mode, State},
};
use crate::config::optional_seconds;

/// All that can be seen of a breaker from outside, at one moment. Durations serialise as seconds.
#[derive(Debug, Clone, PartialEq, Serialize, MessageResponse)]
pub struct BreakerSnapshot {
    /// The state.
    pub state: State,
    /// Whether it is under its own control.
    pub mode: Mode,
    /// Number of the current epoch: grows by one with each transition.
    pub epoch: u64,
    /// Consecutive counted failures; out of closed state, those that opened the circuit. 0 in any
    /// mode but auto.
    pub fail_counter: u32,
    /// Transitions to open since the start.
    pub open_count: u64,
    /// Time to half-open; none unless open by itself.
    #[serde(serialize_with = "optional_seconds")]
    pub half_open_in: Option<Duration>,
    /// Trials in flight.
    pub trials_in_flight: usize,
    /// Trials of this half-open phase that succeeded.
    pub trials_succeeded: u32,
    /// The configuration.
    #[serde(flatten)]
    pub settings: BreakerSettings,
}
