//! What the event log may tell, and in what order.

use std::time::Duration;

use resilience_actors::{EventKind, EventType, Mode};

use crate::{record::Record, world::World};

impl World {
    /// Takes the new events into the record.
    pub(crate) fn follow_events(&self) {
        let record = &mut *self.record.borrow_mut();
        loop {
            let batch = self.breaker.events().since(record.newest_event, 100);
            rule!(self, "No event is gone before it can be read": !batch.missed; record.newest_event);
            if batch.events.is_empty() {
                return;
            }
            for event in batch.events {
                let (number, before) = (event.sequence, record.newest_event);
                rule!(self, "Events are numbered without gaps": number == before + 1; number, before);
                record.newest_event = number;
                self.follow(record, &event.kind);
            }
        }
    }

    fn follow(&self, record: &mut Record, kind: &EventKind) {
        match kind {
            EventKind::Transition { .. } => self.circuit_changes(record, kind),
            EventKind::Reset { epoch } => {
                rule!(self, "A reset begins a new epoch": *epoch == record.circuit.epoch + 1; kind, record.circuit);
            }
            EventKind::LeaseExpired { epoch, lease } => self.lease_expires(record, *epoch, *lease),
            EventKind::Mode { from, to } => self.mode_changes(record, *from, *to),
            EventKind::RejectionBurst { rejection, count, window } => {
                rule!(self, "A burst of rejections lasts at most a second, and is not empty":
                    *window <= Duration::from_secs(1) && *count > 0; kind);
                record.totals.rejected_in_bursts[*rejection as usize] += count;
            }
            EventKind::Retry { attempt, max_attempts, .. } => {
                rule!(self, "No retry follows the last attempt": attempt < max_attempts; kind);
                record.totals.retries += 1;
            }
            EventKind::RetryRefused { attempt, max_attempts, .. } => {
                let mut settings = record.upstreams.iter().flat_map(|of| of.settings.all());
                rule!(self, "Only a retry budget refuses retries, and none follows the last attempt":
                    settings.any(|it| it.retry_budget.is_some()) && attempt < max_attempts; kind);
            }
            EventKind::Release { calls, .. } => {
                rule!(self, "A release releases calls": *calls > 0; kind);
                record.totals.released += *calls as u64;
            }
            EventKind::CallsSkipped { of, count } => {
                rule!(self, "Only retries are too many for an event each": *of == EventType::Retry; kind);
                record.totals.retries_skipped += count;
            }
            EventKind::Reconfigured { changes, .. } => {
                rule!(self, "An event of a change tells what has changed": !changes.is_empty(); kind);
                record.totals.changes_told += 1;
            }
            EventKind::Call(_) => rule!(self, "No observer records calls here": false; kind),
        }
    }

    fn lease_expires(&self, record: &mut Record, epoch: u64, lease: Duration) {
        rule!(self, "An expired lease is of the epoch in force": epoch == record.circuit.epoch; epoch, record.circuit);
        let trials = &record.epoch(epoch).trials;
        rule!(self, "An expired lease is as long as trial_lease was when the trial began":
            trials.iter().any(|trial| trial.lease.contains(&lease)); lease, trials);
    }

    fn mode_changes(&self, record: &mut Record, from: Mode, to: Mode) {
        let circuit = &mut record.circuit;
        rule!(self, "A mode follows another mode": from == circuit.mode && to != from; circuit, from, to);
        circuit.mode = to;
    }
}
