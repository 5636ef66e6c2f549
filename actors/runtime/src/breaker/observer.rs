//! A breaker as an observer of the calls that go through it.

use super::Breaker;
use crate::{
    observe::{Observation, Observer},
    rejection::RejectionKind,
    report::CallOutcome,
};

/// Counts rejections by other gates, released calls and ended calls.
impl Observer for Breaker {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            // The breaker has counted its own rejections, and `Released` counts the others.
            Observation::Rejected { rejection, .. } if !rejection.kind().is_by_circuit() => {
                self.count_rejection(rejection.kind());
            }
            Observation::Released { calls, .. } => {
                self.tally().reject(RejectionKind::Released, *calls as u64);
            }
            Observation::CallEnded(ended) if ended.retries && ended.answered => {
                let overloaded =
                    ended.rejection.is_some_and(|by| by.kind() == RejectionKind::Overloaded);
                if !overloaded {
                    let succeeded = ended.outcome == CallOutcome::Success;
                    let retried = ended.attempts.last().is_some_and(|last| last.number > 1);
                    self.tally().call_ended(succeeded, retried);
                }
            }
            _ => {}
        }
    }
}
