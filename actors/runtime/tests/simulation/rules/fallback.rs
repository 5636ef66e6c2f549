//! Fallback: an answer in place of the one that a call does not have.

use resilience_actors::{CallId, CallKind, CallOutcome};

use super::Report;
use crate::{
    record::{Call, CallNumber, Fallback},
    upstream::Answer,
    world::World,
};

impl World {
    /// A call with a fallback has ended, and the fallback with it. `asked` is the report that the fallback was asked
    /// with.
    pub(crate) fn fallback_is_over(
        &self,
        number: CallNumber,
        fallback: Fallback,
        asked: Option<&Report>,
        report: &Report,
    ) {
        let record = &mut *self.record.borrow_mut();
        let last = record.calls.get(&number).and_then(Call::last_outcome);
        let is_well = last.is_some_and(|last| last.kind() == CallKind::Successful);
        let is_good = is_well && asked.unwrap_or(report).result.is_ok();
        rule!(self, "A fallback is asked unless the call has a good answer": asked.is_some() != is_good; report, last);
        let answers = asked.is_some() && fallback == Fallback::Answers;
        rule!(self, "A report tells whether the fallback has answered": report.fallback == answers; report, fallback);
        let is_used = report.result.as_ref().is_ok_and(Answer::is_of_fallback);
        rule!(self, "The answer of a fallback takes the place of the call's, and nothing else does": is_used == answers;
            report, fallback);
        let Some(asked) = asked else { return };
        let others = |report: &Report| {
            (report.id, report.attempts.clone(), report.retry_refused, report.state, report.elapsed)
        };
        rule!(self, "A fallback changes nothing else of a report": others(asked) == others(report); asked, report);
        record.totals.fell_back += u64::from(answers);
    }

    /// An observer is told that a fallback has answered.
    pub(crate) fn fallback_has_answered(&self, call: CallId, instead_of: CallOutcome) {
        let record = &mut *self.record.borrow_mut();
        rule!(self, "The fallback of a call answers before the call's caller has the answer":
            record.call_of(call).is_some_and(|call| !call.abandoned); call);
        rule!(self, "A fallback answers in place of a failure or a rejection":
            matches!(instead_of, CallOutcome::Failure | CallOutcome::Rejected); call, instead_of);
        record.totals.fallbacks_told += 1;
    }
}
