//! What the breaker says of itself when it is asked.

use resilience_actors::{BreakerSnapshot, State};

use crate::{
    record::{Epoch, Record},
    world::World,
};

impl World {
    pub(crate) async fn inspect(&self) {
        let snapshot = self.breaker.inspect().await;
        rule!(self, "The breaker runs": snapshot.is_ok());
        let Ok(snapshot) = snapshot else { return };
        self.follow_events();
        let record = self.record.borrow();
        let circuit = record.circuit;
        rule!(self, "A snapshot shows the state of the last transition":
            (snapshot.state, snapshot.mode, snapshot.epoch) == (circuit.state, circuit.mode, circuit.epoch);
            snapshot, circuit);
        self.openings_add_up(&record, &snapshot);
        match circuit.state {
            State::Closed => self.no_trip_is_due(&snapshot),
            State::HalfOpen => {
                let trials = record.epochs.get(&circuit.epoch).map_or(0, Epoch::trials_in_flight);
                rule!(self, "A snapshot shows the trials in flight": snapshot.trials_in_flight == trials;
                    snapshot, trials);
            }
            State::Open => {}
        }
    }

    fn openings_add_up(&self, record: &Record, snapshot: &BreakerSnapshot) {
        let transitions = record.totals.transitions.iter();
        let opened: u64 = transitions
            .filter(|((from, to), _)| from != to && *to == "open")
            .map(|(_, times)| times)
            .sum();
        rule!(self, "A snapshot counts the openings": snapshot.open_count == opened; snapshot, opened);
    }

    fn no_trip_is_due(&self, snapshot: &BreakerSnapshot) {
        let settings = &self.settings.breaker;
        rule!(self, "A closed circuit has seen fewer than fail_max failures in a row":
            snapshot.fail_counter < settings.fail_max.max(1); snapshot);
        rule!(self, "A closed circuit has seen fewer than failures failures in the window":
            settings.failures.is_none_or(|most| snapshot.failed_calls < most.into()); snapshot);
    }
}
