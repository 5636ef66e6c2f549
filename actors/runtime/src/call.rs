//! The life of one call, in one async function: [`run`].
//!
//! A call takes turns. In each turn it passes the gates, makes one attempt, decides what follows, and settles with each
//! gate. Then it is answered, or waits for its next turn.

mod flight;
mod in_progress;

use std::{sync::Arc, time::Instant};

#[cfg(feature = "tower")]
pub(crate) use flight::make_known_if_slow;
use flight::{Landed, land};
pub(crate) use in_progress::{Call, Ending, tell_end};
use in_progress::{answer, give_up, rejected, retry_refused, scheduled};

use crate::{
    admission::{Asking, Denied, admit},
    attempt::{self, ResultOf},
    boxed::boxed,
    breaker::{PendingFailure, Permit},
    clock,
    gate::Sample,
    operation::Operation,
    panics::contained,
    policies::Policies,
    rejection::{Rejection, RejectionKind},
    report::CallError,
    retry::{
        current_thread::{self, Entry},
        decision::{Effect, Situation, Step, effect, next_step},
        scheduler::{Wait, Wake},
    },
};

/// What follows from a turn.
enum Turn<O: Operation> {
    /// The call is answered.
    Over { at: Instant, result: ResultOf<O> },
    /// The caller has left.
    Abandoned,
    /// The call waits for its next turn. If it cannot, it is answered with `result`.
    Wait { entry: Entry, result: ResultOf<O> },
}

/// Makes a call. Runs as a task of its own, so that an attempt in flight ends even if the caller leaves.
#[expect(clippy::manual_async_fn, reason = "an async fn's future stores its arguments twice")]
pub(crate) fn run<O: Operation>(
    policies: Arc<Policies>,
    mut call: Call<O>,
) -> impl Future<Output = ()> {
    async move {
        let mut now = clock::now();
        if let Some(time) = call.overdue(now) {
            return answer(&policies, call, now, Err(CallError::DeadlineExceeded(time)));
        }
        loop {
            // Boxed, and dropped before the wait begins: a waiting call keeps no memory for its attempt.
            let (entry, result) = match boxed(|| turn(&policies, &mut call, now)).await {
                Turn::Over { at, result } => return answer(&policies, call, at, result),
                Turn::Abandoned => return give_up(&policies, call),
                Turn::Wait { entry, result } => (entry, result),
            };
            let Some(woken) = entry.woken(&mut call.reply).await else {
                return give_up(&policies, call);
            };
            now = clock::now();
            match woken {
                // If the timer fired after the deadline, no time is left for an attempt.
                Wake::Due if call.deadline(&policies).is_none_or(|deadline| now < deadline) => {
                    call.waited(now);
                }
                // The call did not begin to wait, because the circuit was open.
                Wake::Due | Wake::Refused => {
                    if woken == Wake::Due {
                        call.waited(now);
                    }
                    // Boxed for the same reason.
                    Box::pin(call.settle()).await;
                    return answer(&policies, call, clock::now(), result);
                }
                Wake::Released { retry_after } => {
                    call.waited(now);
                    let rejection = Rejection::new(RejectionKind::Released, retry_after);
                    let error = rejected(&policies, &mut call, rejection);
                    return answer(&policies, call, now, Err(error));
                }
                Wake::Lost => {
                    Box::pin(call.settle()).await;
                    return answer(&policies, call, now, Err(CallError::Lost));
                }
            }
        }
    }
}

/// One turn: admit, attempt, decide, settle.
async fn turn<O: Operation>(policies: &Arc<Policies>, call: &mut Call<O>, now: Instant) -> Turn<O> {
    let deadline = call.deadline(policies);
    let asking = Asking { priority: call.priority, deadline, now };
    let admission = match admit(policies, asking, &mut call.reply).await {
        Ok(admission) => admission,
        Err(Denied::CallerLeft) => return Turn::Abandoned,
        Err(Denied::Rejected(rejection)) => {
            if !rejection.kind().is_by_circuit() {
                // The circuit has not rejected the attempt, so the failure before it may still open the circuit.
                call.settle().await;
            }
            let error = rejected(policies, call, rejection);
            return Turn::Over { at: clock::now(), result: Err(error) };
        }
    };
    if call.attempts.is_empty()
        && let Some(budget) = &policies.retry_budget
    {
        budget.deposit(admission.at);
    }
    let Landed { mut admission, record, sample, mut result, verdict, idempotent } =
        land(policies, call, admission).await;
    let (number, outcome, elapsed) = (record.number, record.outcome, record.elapsed);
    let (now, trial) = (call.started + record.start + elapsed, admission.is_trial());
    let previous_wait = call.attempts.iter().rev().find_map(|attempt| attempt.wait);
    let at = Situation { attempt: number, previous_wait, trial, idempotent, now, deadline };
    let planned = match &policies.config.retry {
        Some(retry) if call.retries => {
            policies.with_rng(|rng| next_step(retry, &verdict, &at, rng))
        }
        _ => Step::Finish,
    };
    let refused = planned != Step::Finish && !policies.may_try_again(now);
    let step = if refused { Step::Finish } else { planned };
    let cause = |result: &_| attempt::cause(result, &verdict);
    let epoch = admission.epoch();
    let sample = Sample { retried: step != Step::Finish, ..sample };
    if let Some(permit) = admission.settle(&sample) {
        let effect = effect(policies.config.scope, outcome, trial, step);
        settle(&mut call.pending, permit, effect, now, || cause(&result)).await;
    }
    if step == Step::Finish
        && let Some(place) = admission.take_place()
        && let Ok(answer) = &mut result
    {
        contained(|| call.operation.keep_place(answer, place));
    }
    drop(admission);
    // Most calls have one attempt. `push` alone would reserve space for four.
    call.attempts.reserve_exact(1);
    call.attempts.push(record);
    match step {
        Step::Finish => {
            if refused {
                retry_refused(policies, call, &cause(&result));
            }
            call.settle().await;
            Turn::Over { at: now, result }
        }
        Step::Retry { wait } => {
            if let Ok(answer) = &mut result {
                contained(|| call.operation.set_aside(answer));
            }
            let retry = scheduled(policies, call, cause(&result), wait);
            let (due, policies) = (now + wait, Arc::clone(policies));
            let entry = current_thread::wait(Wait { due, epoch, policies, retry });
            Turn::Wait { entry, result }
        }
    }
}

/// Tells the breaker how an attempt went, and waits until the published state reflects it.
pub(crate) async fn settle(
    pending: &mut Option<Box<PendingFailure>>,
    permit: Permit<'_>,
    effect: Effect,
    now: Instant,
    cause: impl Fn() -> String,
) {
    if effect != Effect::Neutral {
        // A success repairs the pending failure, and another failure of the call replaces it.
        *pending = None;
    }
    match effect {
        Effect::Success => permit.success_at(now).await,
        Effect::Neutral => permit.neutral().await,
        Effect::Failure => permit.failure(cause()).await,
        Effect::Pending => *pending = Some(Box::new(permit.pending_failure(cause()))),
    }
}
