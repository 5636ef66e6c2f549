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

    /// A trial begins. Settings that were replaced at this instant may have admitted it.
    pub(super) fn trial_begins(&self, record: &mut Record, epoch: u64, holder: Holder) {
        let settings: Vec<_> = record.breaker.at_this_instant().cloned().collect();
        let leases = || settings.iter().map(|it| it.trial_lease);
        let most = settings.iter().map(|it| it.half_open_max_calls).max().unwrap_or_default();
        let lease = leases().min().unwrap_or_default()..=leases().max().unwrap_or_default();
        let trials = record.epoch(epoch);
        trials.trial_begins(holder, lease);
        rule!(self, "At most half_open_max_calls trials run at a time":
            trials.trials_in_flight() <= most as usize; trials);
    }
}
