//! A breaker as an observer of the calls that go through it.

use super::Breaker;
use crate::{
    events::{EventKind, EventType},
    observe::{Observation, Observer, RetryScheduled},
    rejection::RejectionKind,
    report::CallOutcome,
};

/// Counts rejections by other gates, released calls and ended calls, and records retries and releases in the event log.
impl Observer for Breaker {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            // The breaker has counted its own rejections, and `Released` counts the others.
            Observation::Rejected { rejection, .. } => {
                let kind = rejection.kind();
                if matches!(kind, RejectionKind::Overloaded | RejectionKind::Gate) {
                    self.count_rejection(kind);
                }
            }
            Observation::RetryScheduled(retry) => {
                self.events().record_with(EventType::Retry, || retry_event(retry));
            }
            Observation::Released { calls, cause } => {
                let (calls, cause) = (*calls, (*cause).clone());
                self.tally().reject(RejectionKind::Released, calls as u64);
                self.events().record(EventKind::Release { calls, cause });
            }
            Observation::CallEnded(ended) if ended.retries && ended.answered => {
                let overloaded =
                    ended.rejection.is_some_and(|by| by.kind() == RejectionKind::Overloaded);
                if !overloaded {
                    let succeeded = ended.outcome == CallOutcome::Success;
                    self.tally().call_ended(succeeded, ended.attempts.len() > 1);
                }
            }
            _ => {}
        }
    }
}

fn retry_event(retry: &RetryScheduled) -> EventKind {
    let RetryScheduled { call, attempt, max_attempts, cause, wait, trace_id } = retry.clone();
    EventKind::Retry { call, attempt, max_attempts, cause, wait, trace_id }
}
