//! Other settings for a running circuit.

use std::time::Instant;

use super::Machine;
use crate::breaker::{
    config::BreakerConfig,
    phase::Phase,
    reconfigured::Reconfigured,
    trip::{adjust, same_windows, trips},
};

impl Machine {
    /// Puts other settings in force. Everything that still makes sense under them stays. Transitions that follow from
    /// them happen at once. Does nothing if the settings are the same.
    pub(crate) fn reconfigure(
        &mut self,
        now: Instant,
        config: BreakerConfig,
    ) -> Option<Reconfigured> {
        // What was due before is done by the older settings.
        self.handle_timeout(now);
        if config == self.config {
            return None;
        }
        let before = std::mem::replace(&mut self.config, config);
        let after = self.config.clone();
        self.open_time = after.open_time(self.reopenings);
        let mut change = Reconfigured { before, after, epoch: None, half_open_in: None };
        match self.phase {
            Phase::Closed => change.epoch = self.replace_trips(now, &change.before),
            Phase::Open { until: end } => {
                let until = self.epoch_began + self.open_time;
                self.phase = Phase::Open { until };
                let left = until.saturating_duration_since(now);
                change.half_open_in = (until != end).then_some(left);
                self.handle_timeout(now);
            }
            Phase::HalfOpen => self.close_if_enough_succeeded(now),
            Phase::ForcedOpen | Phase::Disabled => {}
        }
        Some(change)
    }

    /// Adjusts the trips of a closed circuit. If their windows cannot stay, new ones begin empty in a new epoch, whose
    /// number it returns: the counters begin at 0 with it, as new windows must, and no result of a call that began
    /// under the older settings counts.
    fn replace_trips(&mut self, now: Instant, before: &BreakerConfig) -> Option<u64> {
        if same_windows(before, &self.config) {
            adjust(&mut self.trips, before, &self.config);
            return None;
        }
        self.trips = trips(&self.config, self.start, now);
        self.begin_epoch(now);
        Some(self.epoch)
    }
}
