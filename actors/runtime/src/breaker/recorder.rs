//! What the breaker's actor tells observers, and the counts that only it can make.

use std::time::Instant;

use super::{
    burst::Bursts, probe::ProbeRecord, published::Published, reconfigured::Reconfigured,
    transition::Transition,
};
use crate::{
    observe::{Observation, Observer, Observers},
    sync::Arc,
};

/// Tells observers of transitions and rejections.
#[derive(Debug)]
pub(crate) struct Recorder {
    observers: Observers,
    published: Arc<Published>,
    bursts: Bursts,
    /// Number of calls that the circuit had rejected when the current epoch began.
    rejected: u64,
}

impl Recorder {
    pub(crate) fn new(observers: Observers, published: Arc<Published>) -> Self {
        Self { observers, published, bursts: Bursts::default(), rejected: 0 }
    }

    /// Tells `observer` from now on.
    pub(crate) fn add(&mut self, observer: std::sync::Arc<dyn Observer>) {
        self.observers.add(observer);
    }

    /// A burst of rejections has begun.
    pub(crate) fn burst_began(&mut self, now: Instant) {
        self.bursts.begin(now);
    }

    /// Counts a probe and tells of it.
    pub(crate) fn probe_ended(&self, probe: &ProbeRecord) {
        self.published.tally.probe_ended(probe.result);
        self.observers.tell(&Observation::ProbeEnded(probe));
    }

    /// When there is something to tell of a burst.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.bursts.poll_timeout()
    }

    /// Tells of a transition, and first of the rejections before it.
    pub(crate) fn transition(&mut self, now: Instant, transition: &Transition) {
        self.rejections(now, true);
        let tally = &self.published.tally;
        tally.transition(transition.from, transition.to);
        let [circuit_open, trial_limit, ..] = tally.rejected();
        let rejected = circuit_open + trial_limit;
        let before = std::mem::replace(&mut self.rejected, rejected);
        self.observers.tell(&Observation::Transition { transition, rejected: rejected - before });
    }

    /// Tells of other settings.
    pub(crate) fn reconfigured(&self, change: &Reconfigured) {
        self.observers.tell(&Observation::Reconfigured(change));
    }

    /// Tells of the rejections of a window that is over, or that a transition has `cut` short.
    pub(crate) fn rejections(&mut self, now: Instant, cut: bool) {
        if self.bursts.poll_timeout().is_none() {
            return;
        }
        let tally = &self.published.tally;
        for burst in self.bursts.take(now, tally.rejected(), cut) {
            let (rejection, count, window) = (burst.rejection, burst.count, burst.window);
            self.observers.tell(&Observation::RejectionBurst { rejection, count, window });
        }
        if self.bursts.poll_timeout().is_none() {
            tally.end_burst();
            // A call may have been rejected just before that, and have told nothing to the actor.
            if self.bursts.behind(tally.rejected()) && tally.begins_burst() {
                self.bursts.begin(now);
            }
        }
    }
}
