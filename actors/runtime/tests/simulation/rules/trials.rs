//! Permits, and the trials of a half-open circuit.

use crate::{
    record::{Holder, Permit, PermitNumber, Record},
    world::World,
};

impl World {
    /// A task that asked the breaker for a permit has it.
    pub(crate) fn permit_is_granted(&self, permit: Permit) -> PermitNumber {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        rule!(self, "No permit is of an epoch that has not begun":
            permit.epoch <= record.circuit.epoch; permit, record.circuit);
        let number = record.permit_is_granted(permit);
        if permit.trial {
            self.trial_begins(record, permit.epoch, Holder::Permit(number));
        }
        number
    }

    pub(super) fn trial_begins(&self, record: &mut Record, epoch: u64, holder: Holder) {
        let trials = record.epoch(epoch);
        trials.trial_begins(holder);
        rule!(self, "At most half_open_max_calls trials run at a time":
            trials.trials_in_flight() <= self.settings.breaker.half_open_max_calls as usize; trials);
    }
}
