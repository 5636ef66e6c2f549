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
        let settings = record.breaker.now();
        rule!(self, "A snapshot shows the settings of the last change": snapshot.settings == **settings;
            snapshot, settings);
        self.openings_add_up(&record, &snapshot);
        match circuit.state {
            State::Closed => self.no_trip_is_due(&record, &snapshot),
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

    /// A lower threshold acts at the next failure.
    fn no_trip_is_due(&self, record: &Record, snapshot: &BreakerSnapshot) {
        let settings = || record.breaker.since(record.circuit.since);
        let fail_max = settings().map(|it| it.fail_max.max(1)).max();
        rule!(self, "A closed circuit has seen fewer than fail_max failures in a row":
            fail_max.is_some_and(|most| snapshot.fail_counter < most); snapshot);
        let all: Option<Vec<_>> = settings().map(|it| it.failures).collect();
        let failures = all.and_then(|all| all.into_iter().max());
        rule!(self, "A closed circuit has seen fewer than failures failures in the window":
            failures.is_none_or(|most| snapshot.failed_calls < most.into()); snapshot);
    }
}
