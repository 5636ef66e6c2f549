//! Fallback: an answer in place of the one that a call does not have.
//!
//! The outermost policy, as in Netflix's Hystrix: the call has ended when its fallback is asked, so that the breaker,
//! the retries and all observers have seen the failure or the rejection.

use crate::{
    observe::{Observation, Observers},
    operation::{Operation, ReportOf},
    panics::contained,
};

/// Puts the fallback's answer, if it has one, in place of the result of a call that has no good answer.
pub(crate) fn apply<O: Operation>(
    observers: &Observers,
    mut report: ReportOf<O>,
    fallback: impl FnOnce(&ReportOf<O>) -> Option<O::Answer>,
) -> ReportOf<O> {
    if report.is_answered() {
        return report;
    }
    if let Some(answer) = contained(|| fallback(&report)).flatten() {
        let (call, instead_of) = (report.id, report.outcome());
        observers.tell(&Observation::FellBack { call, instead_of });
        report.result = Ok(answer);
        report.fallback = true;
    }
    report
}
