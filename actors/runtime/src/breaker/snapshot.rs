//! Everything that is visible of a breaker from outside.

use std::time::Duration;

use actix::MessageResponse;
use serde::Serialize;

use super::{config::BreakerSettings, machine::Machine, report::CountersAt};
use crate::state::{Mode, State};

/// Everything that is visible of a breaker from outside, at one moment. Durations serialise as seconds.
#[derive(Debug, Clone, PartialEq, Serialize, MessageResponse)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakerSnapshot {
    /// The state.
    pub state: State,
    /// The mode.
    pub mode: Mode,
    /// Number of the current epoch: grows by one with each transition, and with each change of the settings that
    /// empties the windows.
    pub epoch: u64,
    /// Consecutive counted failures. While open or half-open, those that opened the circuit. 0 in any mode but auto.
    pub fail_counter: u32,
    /// Share of failures in the window. None without such a trip, with fewer than `min_calls` calls, and out of closed
    /// state.
    pub current_failure_rate: Option<f64>,
    /// Share of slow calls in the window. None as above.
    pub current_slow_rate: Option<f64>,
    /// Calls in the window. 0 without a trip that looks at it, and out of closed state.
    pub buffered_calls: u64,
    /// Those of them that failed. 0 without a failure rate.
    pub failed_calls: u64,
    /// Those of them that were slow. 0 without a slow rate.
    pub slow_calls: u64,
    /// Transitions to open since the start.
    pub open_count: u64,
    /// How long the circuit stays open, or would if it opened now.
    #[serde(serialize_with = "crate::seconds::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub open_time: Duration,
    /// Time to half-open; none unless open by itself.
    #[serde(serialize_with = "crate::seconds::optional::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub half_open_in: Option<Duration>,
    /// Trials in flight.
    pub trials_in_flight: usize,
    /// Trials of this half-open phase that succeeded.
    pub trials_succeeded: u32,
    /// The settings in force.
    #[serde(flatten)]
    pub settings: BreakerSettings,
}

impl BreakerSnapshot {
    /// By the counters at `now`.
    pub(super) fn of(machine: &Machine, now: &CountersAt) -> Self {
        let readings = machine.readings(now);
        let (trials_in_flight, trials_succeeded) = machine.trials();
        Self {
            state: machine.state(),
            mode: machine.mode(),
            epoch: machine.epoch(),
            fail_counter: readings.fail_counter,
            current_failure_rate: readings.failure_rate,
            current_slow_rate: readings.slow_rate,
            buffered_calls: readings.calls,
            failed_calls: readings.failed,
            slow_calls: readings.slow,
            open_count: machine.open_count(),
            open_time: machine.open_time(),
            half_open_in: machine.open_until().map(|at| at.saturating_duration_since(now.at)),
            trials_in_flight,
            trials_succeeded,
            settings: (**machine.config()).clone(),
        }
    }
}
