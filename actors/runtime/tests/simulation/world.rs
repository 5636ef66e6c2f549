//! What the callers and the upstream of an episode share.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use rand::rngs::SmallRng;
use resilience_actors::{
    Breaker, BreakerSettings, CallLimit, Coalescer, Mode, PolicySnapshot, State, Upstream,
};

use crate::{
    record::{Call, CallNumber, Circuit, Record, ShareKey, Totals},
    settings::Settings,
    support::now,
    upstream::{Condition, Plan},
};

/// The policies under test, the upstream's condition, and the record that the rules judge.
///
/// A broken rule does not panic, because the runtime contains panics of attempts and tasks. It is noted, and the
/// episode fails at its next step.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) limit: CallLimit,
    /// With all policies, in their order.
    pub(crate) upstreams: RefCell<Vec<Upstream>>,
    pub(crate) breaker: Breaker,
    /// The answer is the number of the call.
    pub(crate) coalescer: Coalescer<ShareKey, CallNumber>,
    pub(crate) condition: Cell<Condition>,
    /// The episode has ended. What is dropped from now on breaks no rule.
    pub(crate) over: Cell<bool>,
    pub(crate) record: RefCell<Record>,
    rng: RefCell<SmallRng>,
    broken: RefCell<Option<String>>,
}

impl World {
    pub(crate) fn new(settings: Settings, breaker: Breaker, rng: SmallRng) -> Self {
        let circuit = Circuit {
            state: State::Closed,
            mode: Mode::Auto,
            epoch: 0,
            since: now(),
            open_time: settings.breaker.reset_timeout,
            reopenings: 0,
        };
        Self {
            limit: CallLimit::new(settings.max_calls),
            upstreams: RefCell::default(),
            breaker,
            coalescer: Coalescer::new(),
            condition: Cell::new(Condition::Healthy),
            over: Cell::new(false),
            record: RefCell::new(Record::new(circuit, &settings)),
            settings,
            rng: RefCell::new(rng),
            broken: RefCell::new(None),
        }
    }

    /// Notes that a rule is broken. The first one counts: others may follow from it.
    pub(crate) fn broken(&self, rule: &str, facts: &str) {
        if !self.over.get() {
            self.broken.borrow_mut().get_or_insert_with(|| format!("broken rule: {rule}{facts}"));
        }
    }

    pub(crate) fn first_broken(&self) -> Option<String> {
        self.broken.borrow().clone()
    }

    /// What the next attempt meets.
    pub(crate) fn plan(&self) -> Plan {
        self.condition.get().plan(&mut self.rng.borrow_mut())
    }

    pub(crate) fn with_totals<R>(&self, with: impl FnOnce(&mut Totals) -> R) -> R {
        with(&mut self.record.borrow_mut().totals)
    }

    /// Calls whose callers wait for an answer.
    pub(crate) fn unanswered(&self) -> Vec<CallNumber> {
        let record = self.record.borrow();
        record.calls.values().filter(|call| !call.abandoned).map(Call::number).collect()
    }

    /// The optional policies of each upstream.
    pub(crate) fn policies(&self) -> Vec<PolicySnapshot> {
        self.upstreams.borrow().iter().map(Upstream::snapshot).collect()
    }

    /// The settings of the circuit that are in force.
    pub(crate) fn breaker_settings(&self) -> Rc<BreakerSettings> {
        Rc::clone(self.record.borrow().breaker.now())
    }

    /// Number of changes of the circuit's settings.
    pub(crate) fn breaker_changes(&self) -> usize {
        self.record.borrow().breaker.changes()
    }

    /// Time in which all calls end that have begun.
    pub(crate) fn time_for_calls(&self) -> Duration {
        let record = self.record.borrow();
        let settings = record.upstreams.iter().flat_map(|upstream| upstream.settings.all());
        settings.map(|it| it.call_deadline).max().unwrap_or_default()
    }

    /// Time in which a circuit without calls becomes half-open or closed.
    pub(crate) fn time_for_circuit(&self) -> Duration {
        let record = self.record.borrow();
        let times = record.breaker.all().map(|it| it.reset_max + it.trial_lease);
        times.max().unwrap_or_default()
    }

    pub(crate) fn circuit(&self) -> Circuit {
        self.record.borrow().circuit
    }
}
