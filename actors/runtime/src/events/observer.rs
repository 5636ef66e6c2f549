//! An event log as an observer.

use super::{EventKind, EventLog, EventType};
use crate::{
    breaker::{Reason, Transition},
    observe::{Observation, Observer, RetryScheduled},
};

/// Records transitions and what they came of, changed settings, bursts of rejections, retries, refused retries and
/// releases.
impl Observer for EventLog {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Transition { transition, rejected } => {
                record_transition(self, transition, *rejected);
            }
            Observation::Reconfigured(change) => {
                let (changes, epoch, half_open_in) =
                    (change.changes(), change.epoch, change.half_open_in);
                self.record(EventKind::Reconfigured { changes, epoch, half_open_in });
            }
            Observation::CallsReconfigured { changes, .. } => {
                let (changes, epoch, half_open_in) = (changes.to_vec(), None, None);
                self.record(EventKind::Reconfigured { changes, epoch, half_open_in });
            }
            Observation::RejectionBurst { rejection, count, window } => {
                let (rejection, count, window) = (*rejection, *count, *window);
                self.record(EventKind::RejectionBurst { rejection, count, window });
            }
            Observation::RetryScheduled(retry) => {
                self.record_with(EventType::Retry, || retry_event(retry));
            }
            Observation::RetryRefused { call, attempt, max_attempts, cause } => {
                self.record_with(EventType::RetryRefused, || EventKind::RetryRefused {
                    call: call.id,
                    attempt: *attempt,
                    max_attempts: *max_attempts,
                    cause: (*cause).to_owned(),
                    trace_id: call.trace_id(),
                });
            }
            Observation::Released { calls, cause } => {
                self.record(EventKind::Release { calls: *calls, cause: (*cause).clone() });
            }
            _ => {}
        }
    }
}

fn record_transition(log: &EventLog, transition: &Transition, rejected: u64) {
    let &Transition { from, to, from_mode, mode, epoch, ref reason, after, half_open_in, .. } =
        transition;
    match reason {
        Reason::LeaseExpired(lease) => {
            log.record(EventKind::LeaseExpired { epoch: epoch - 1, lease: *lease });
        }
        Reason::ManualReset => {
            log.record(EventKind::Reset { epoch });
        }
        _ => {}
    }
    if from_mode != mode {
        log.record(EventKind::Mode { from: from_mode, to: mode });
    }
    let cause = reason.to_string();
    log.record(EventKind::Transition { from, to, epoch, cause, after, half_open_in, rejected });
}

fn retry_event(retry: &RetryScheduled) -> EventKind {
    let RetryScheduled { call, attempt, max_attempts, cause, wait, trace_id } = retry.clone();
    EventKind::Retry { call, attempt, max_attempts, cause, wait, trace_id }
}
