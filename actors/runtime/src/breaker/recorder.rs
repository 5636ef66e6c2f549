//! What the breaker's actor says of itself: events, and the counts that only it can make.

use std::time::Instant;

use super::{
    burst::Bursts,
    published::Published,
    transition::{Reason, Transition},
};
use crate::{
    clock,
    events::{EventKind, EventLog},
    sync::Arc,
};

/// Turns transitions and rejections into events.
#[derive(Debug)]
pub(crate) struct Recorder {
    events: EventLog,
    published: Arc<Published>,
    bursts: Bursts,
    /// When the current epoch began, and how many calls the circuit had turned away by then.
    epoch_began: (Instant, u64),
}

impl Recorder {
    /// Of a circuit whose first epoch begins now.
    pub(crate) fn new(events: EventLog, published: Arc<Published>) -> Self {
        Self { events, published, bursts: Bursts::default(), epoch_began: (clock::now(), 0) }
    }

    /// A burst of rejections has begun.
    pub(crate) fn burst_began(&mut self, now: Instant) {
        self.bursts.begin(now);
    }

    /// When there is something to tell of a burst.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.bursts.poll_timeout()
    }

    /// Records a transition, and first what it came of.
    pub(crate) fn transition(&mut self, now: Instant, transition: Transition) {
        self.rejections(now, true);
        let Transition { from, to, from_mode, mode, epoch, reason, half_open_in, .. } = transition;
        let tally = &self.published.tally;
        tally.transition(from, to);
        let (began, rejected_before) = self.epoch_began;
        let [circuit_open, trial_limit, ..] = tally.rejected();
        let rejected = circuit_open + trial_limit;
        self.epoch_began = (now, rejected);

        if let Reason::LeaseExpired(lease) = reason {
            self.events.record(EventKind::LeaseExpired { epoch: epoch - 1, lease });
        }
        if reason == Reason::ManualReset {
            self.events.record(EventKind::Reset { epoch });
        }
        if from_mode != mode {
            self.events.record(EventKind::Mode { from: from_mode, to: mode });
        }
        self.events.record(EventKind::Transition {
            from,
            to,
            epoch,
            cause: reason.to_string(),
            after: now.saturating_duration_since(began),
            half_open_in,
            rejected: rejected - rejected_before,
        });
    }

    /// Records the rejections of a window that is over, or that a transition has `cut` short.
    pub(crate) fn rejections(&mut self, now: Instant, cut: bool) {
        if self.bursts.poll_timeout().is_none() {
            return;
        }
        let tally = &self.published.tally;
        for burst in self.bursts.take(now, tally.rejected(), cut) {
            let (rejection, count, window) = (burst.rejection, burst.count, burst.window);
            self.events.record(EventKind::RejectionBurst { rejection, count, window });
        }
        if self.bursts.poll_timeout().is_none() {
            tally.end_burst();
            // Somebody may have been turned away just before that, and have told nobody.
            if self.bursts.behind(tally.rejected()) && tally.begins_burst() {
                self.bursts.begin(now);
            }
        }
    }
}
