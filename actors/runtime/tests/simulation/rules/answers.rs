//! When a call is answered, and with what.

use resilience_actors::{CallError, InjectedFault, Outcome, RejectionKind};

use super::{Report, TICK, outcomes::is_retried, waits::waits};
use crate::{
    record::{AttemptId, Call, CallNumber, Record, Route},
    support::{NoAnswer, now},
    world::World,
};

impl World {
    pub(crate) fn call_is_answered(
        &self,
        number: CallNumber,
        report: &Report,
        limit_was_reached: bool,
    ) {
        self.follow_events();
        let record = &mut *self.record.borrow_mut();
        let call = record.call_ends(number);
        rule!(self, "A call is answered once": call.is_some(); number, report);
        let Some(call) = call else { return };
        self.report_is_complete(&call, report);
        self.answer_is_last_event(&call, report);
        self.was_not_passed_over(&call);
        self.retry_is_refused(record, &call, report);
        match &report.result {
            Err(CallError::Rejected(rejection)) => {
                self.call_is_rejected(record, &call, rejection, limit_was_reached);
            }
            _ => {
                rule!(self, "A call past max_calls is rejected": !limit_was_reached; call, report);
                self.call_was_not_given_up(record, &call, report);
            }
        }
        count_answer(record, &call, report);
    }

    fn report_is_complete(&self, call: &Call, report: &Report) {
        rule!(self, "A call is not answered during an attempt": !call.in_flight(); call);
        rule!(self, "A report tells how long the call took": report.elapsed == now() - call.started; call, report);
        let mut reported: Vec<_> = report.attempts.iter().collect();
        rule!(self, "A report lists the call's attempts, the one that decided last":
            reported.last().map(|last| last.outcome) == call.last_outcome(); call, report);
        reported.sort_by_key(|reported| (reported.number, reported.start));
        rule!(self, "A report lists each attempt": reported.len() == call.attempts.len(); call, report);
        for (seen, reported) in call.attempts.iter().zip(reported) {
            let Some(ended) = seen.ended else { continue };
            rule!(self, "A report tells the number, the outcome, the start and the length of each attempt, and which \
                are hedges":
                (reported.number, reported.hedge) == (seen.number, seen.hedge)
                    && reported.outcome == ended.verdict.outcome
                    && reported.start == seen.began - call.started
                    && reported.elapsed == ended.at - seen.began; reported, seen);
            let fault = seen.fault.filter(|_| ended.verdict.outcome != Outcome::Cancelled);
            rule!(self, "A report tells the fault of each attempt, unless a hedge was used before it had ended":
                reported.injected == fault; reported, seen);
        }
    }

    fn answer_is_last_event(&self, call: &Call, report: &Report) {
        let last = call.last_outcome();
        let fault = call.decisive().and_then(|(attempt, _)| attempt.fault);
        let is_last = match &report.result {
            Ok(answer) => {
                let AttemptId { call: number, position } = answer.attempt;
                number == call.number() && Some(position) == call.decisive
            }
            Err(CallError::Transport(NoAnswer)) => {
                matches!(last, Some(Outcome::Unreachable | Outcome::DeadlineExceeded))
            }
            Err(CallError::Unconnected(_)) => last == Some(Outcome::Unreachable),
            Err(CallError::TimedOut(_)) => last == Some(Outcome::TimedOut),
            Err(CallError::DeadlineExceeded(_)) => match last {
                Some(last) => last == Outcome::DeadlineExceeded,
                None => call.deadlines.caller == Some(call.started),
            },
            Err(CallError::Injected) => fault == Some(InjectedFault::Failure),
            Err(CallError::Panicked) => last == Some(Outcome::Panicked),
            Err(CallError::Rejected(_)) => true,
            Err(_) => false,
        };
        rule!(self, "A call is answered by its last attempt, by a rejection, or because its caller has no time":
            is_last; call, report);
    }

    /// Checks that a call that was answered by an attempt could not be retried.
    fn call_was_not_given_up(&self, record: &Record, call: &Call, report: &Report) {
        let settings = &call.settings;
        let Some((last, ended)) = call.decisive() else { return };
        let longest_wait = waits(call, ended).1 + TICK;
        let could_be_retried = call.may_be_retried()
            && is_retried(ended.verdict.outcome)
            && last.trial == Some(false)
            && call.turn() < settings.max_attempts
            && now() + longest_wait < call.deadline()
            && !report.retry_refused
            && !record.circuit_is_open()
            && !record.circuit_changes_now();
        rule!(self, "A call that can be retried before its deadline is retried": !could_be_retried; call, report);
    }
}

fn count_answer(record: &mut Record, call: &Call, report: &Report) {
    let out_of_time = matches!(report.result, Err(CallError::DeadlineExceeded(_)));
    record.totals.short_of_time += u64::from(out_of_time);
    let rejection = match &report.result {
        Err(CallError::Rejected(rejection)) => Some(rejection.kind()),
        _ => None,
    };
    let last = call.last_outcome();
    let outcome = last.map_or(0, |outcome| outcome as u128 + 1);
    let kind = rejection.map_or(0, |kind| kind as u128 + 1);
    record.totals.digest(u128::from(call.number()) << 64 | outcome << 32 | kind);
    record.totals.digest(report.elapsed.as_nanos());
    if call.route == Route::Protected && rejection != Some(RejectionKind::Overloaded) {
        let succeeded = rejection.is_none() && last == Some(Outcome::Success);
        let retried = call.turn() > 1;
        record.totals.answered[usize::from(succeeded)][usize::from(retried)] += 1;
    }
}
