//! Probes of an open circuit.

use resilience_actors::{Mode, Probe, State};

use super::{TICK, transitions::Transition};
use crate::{record::Record, support::now, world::World};

impl World {
    pub(crate) fn probe_begins(&self, probe: &Probe) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        let (circuit, before) = (record.circuit, &record.probes);
        let open = circuit.state == State::Open && circuit.mode == Mode::Auto;
        rule!(self, "Probes are made while the circuit is open by its own rules":
            open || record.circuit_changes_now(); circuit);
        rule!(self, "One probe is made at a time": before.in_flight.is_none(); before);
        let since = before.last_ended.filter(|_| before.epoch == circuit.epoch);
        rule!(self, "Probes are an interval apart, and the first comes an interval after the opening":
            now() >= since.unwrap_or(circuit.since) + probe.probe_interval || record.circuit_changes_now();
            circuit, before);
        record.probes.begins(circuit.epoch);
    }

    /// A probe has ended, or was dropped.
    pub(crate) fn probe_ends(&self, probe: &Probe, good: bool) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        let probes = &record.probes;
        rule!(self, "No probe outlives its timeout":
            probes.in_flight.is_some_and(|began| now() <= began + probe.probe_timeout + TICK); probes);
        record.probes.ends(good);
    }

    pub(super) fn probes_succeeded(&self, record: &mut Record, change: &Transition<'_>) {
        let (circuit, probes) = (record.circuit, &record.probes);
        rule!(self, "Enough good probes in a row make an open circuit half-open, at once":
            self.settings.probe.is_some_and(|probe| {
                let own = probes.epoch == circuit.epoch && probes.last_ended == Some(change.at);
                own && probes.in_a_row >= probe.probe_successes
            });
            change, probes, circuit);
        record.totals.probed += 1;
    }

    pub(super) fn probes_have_settled(&self, record: &Record) {
        let (circuit, probes) = (record.circuit, &record.probes);
        let open = circuit.state == State::Open && circuit.mode == Mode::Auto;
        rule!(self, "No probe is in flight unless the circuit is open by its own rules":
            probes.in_flight.is_none() || (open && probes.epoch == circuit.epoch); circuit, probes);
        let enough = self.settings.probe.is_some_and(|probe| {
            probes.epoch == circuit.epoch && probes.in_a_row >= probe.probe_successes
        });
        rule!(self, "Enough good probes in a row end the open time": !open || !enough; circuit, probes);
    }
}
