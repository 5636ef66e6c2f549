//! An event log as an observer.

use super::{EventKind, EventLog, EventType};
use crate::observe::{Observation, Observer, RetryScheduled, Transition};

/// Records transitions and what they came of, bursts of rejections, retries and releases.
impl Observer for EventLog {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Transition(transition) => record_transition(self, transition),
            Observation::RejectionBurst { rejection, count, window } => {
                let (rejection, count, window) = (*rejection, *count, *window);
                self.record(EventKind::RejectionBurst { rejection, count, window });
            }
            Observation::RetryScheduled(retry) => {
                self.record_with(EventType::Retry, || retry_event(retry));
            }
            Observation::Released { calls, cause } => {
                self.record(EventKind::Release { calls: *calls, cause: (*cause).clone() });
            }
            _ => {}
        }
    }
}

fn record_transition(log: &EventLog, transition: &Transition) {
    let Transition { from, to, from_mode, mode, epoch, cause, .. } = transition.clone();
    if let Some(lease) = transition.expired_lease {
        log.record(EventKind::LeaseExpired { epoch: epoch - 1, lease });
    }
    if transition.manual_reset {
        log.record(EventKind::Reset { epoch });
    }
    if from_mode != mode {
        log.record(EventKind::Mode { from: from_mode, to: mode });
    }
    let Transition { after, half_open_in, rejected, .. } = *transition;
    log.record(EventKind::Transition { from, to, epoch, cause, after, half_open_in, rejected });
}

fn retry_event(retry: &RetryScheduled) -> EventKind {
    let RetryScheduled { call, attempt, max_attempts, cause, wait, trace_id } = retry.clone();
    EventKind::Retry { call, attempt, max_attempts, cause, wait, trace_id }
}
