//! The life of one call, in one async function: [`run`].
//!
//! A call takes turns. In each turn it passes the gates, makes one attempt, decides what follows, and settles with each
//! gate. Then it is answered, or waits for its next turn.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    attempt::{self, Ended, ResultOf, Which},
    breaker::{PendingFailure, Permit, State},
    clock,
    gate::{Pass, Sample, pass_all},
    observe::{CallEnded, ErrorText, Observation, RetryScheduled, about, trace_id},
    operation::{Operation, ReportOf},
    outcome::Verdict,
    policies::Policies,
    rejection::Rejection,
    report::{AttemptRecord, CallError, CallId, CallReport},
    retry::{
        backoff::spread,
        decision::{Effect, Situation, Step, effect, next_step},
        scheduler::{self, Entry, Wait, Wake},
    },
};

/// A call between its beginning and its answer.
pub(crate) struct Call<O: Operation> {
    id: CallId,
    operation: O,
    started: Instant,
    attempts: Vec<AttemptRecord>,
    /// The last failure. It counts when the call ends, unless a later attempt succeeds.
    pending: Option<PendingFailure>,
    /// Closed when the caller has left.
    reply: oneshot::Sender<ReportOf<O>>,
    /// The call's place under the call limit.
    place: Option<Pass>,
}

impl<O: Operation> Call<O> {
    pub(crate) fn new(
        id: CallId,
        operation: O,
        started: Instant,
        reply: oneshot::Sender<ReportOf<O>>,
        place: Option<Pass>,
    ) -> Self {
        Self { id, operation, started, attempts: Vec::new(), pending: None, reply, place }
    }

    fn deadline(&self, policies: &Policies) -> Option<Instant> {
        policies.config.call_deadline.map(|time| self.started + time)
    }

    /// Counts the pending failure, and waits until the published state reflects it: the answer contains that state.
    async fn settle(&mut self) {
        if let Some(failure) = self.pending.take() {
            failure.count().await;
        }
    }

    /// Records that the call has waited since the end of its last attempt.
    fn waited(&mut self, now: Instant) {
        if let Some(last) = self.attempts.last_mut() {
            let since = self.started + last.start + last.elapsed;
            last.wait = Some(now.saturating_duration_since(since));
        }
    }

    /// Counts the pending failure where nothing waits for it.
    fn settle_unobserved(&mut self) {
        drop(self.pending.take().map(PendingFailure::count));
    }
}

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
#[expect(clippy::manual_async_fn, reason = "an async fn's future has room for its arguments twice")]
pub(crate) fn run<O: Operation>(
    policies: Arc<Policies>,
    mut call: Call<O>,
) -> impl Future<Output = ()> {
    async move {
        loop {
            // Boxed, and gone before the wait begins: a waiting call keeps no room for its attempt.
            let (entry, result) = match Box::pin(turn(&policies, &mut call)).await {
                Turn::Over { at, result } => return answer(&policies, call, at, result),
                Turn::Abandoned => return give_up(&policies, call),
                Turn::Wait { entry, result } => (entry, result),
            };
            let Some(woken) = entry.woken(&mut call.reply).await else {
                return give_up(&policies, call);
            };
            let now = clock::now();
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
                    let rejection = Rejection::Released { retry_after };
                    let error = rejected(&policies, &mut call, rejection);
                    return answer(&policies, call, now, Err(error));
                }
                Wake::Lost => {
                    call.settle_unobserved();
                    return answer(&policies, call, now, Err(CallError::Lost));
                }
            }
        }
    }
}

/// One turn: admit, attempt, decide, settle.
async fn turn<O: Operation>(policies: &Arc<Policies>, call: &mut Call<O>) -> Turn<O> {
    let (permit, passes) = match admit(policies).await {
        Ok(admitted) => admitted,
        Err(rejection) => {
            let error = rejected(policies, call, rejection);
            return Turn::Over { at: clock::now(), result: Err(error) };
        }
    };
    if call.reply.is_closed() {
        return Turn::Abandoned;
    }
    let number = u32::try_from(call.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    policies.observers.tell(&Observation::Admitted { call: call.id, attempt: number });
    let trial = permit.as_ref().is_some_and(Permit::is_trial);
    let blamed = call.attempts.last().is_some_and(|last| last.outcome.blames_connection());
    let began = clock::now();
    let which = Which {
        call: call.id,
        number,
        fresh_connection: trial || blamed,
        began,
        deadline: call.deadline(policies),
    };
    let Ended { result, verdict, idempotent } =
        attempt::make(policies, &call.operation, which).await;
    let now = clock::now();
    let Verdict { outcome, code, .. } = verdict;
    let (start, elapsed) = (began - call.started, now - began);
    let record = AttemptRecord { number, outcome, code, start, elapsed, wait: None };
    // Before the breaker, so that a transition follows its cause.
    about(&call.operation, call.id, |call| {
        policies.observers.tell(&Observation::AttemptEnded { call, attempt: &record });
    });

    let at =
        Situation { attempt: number, trial, idempotent, now, deadline: call.deadline(policies) };
    let step = match &policies.config.retry {
        Some(retry) => policies.with_rng(|rng| next_step(retry, &verdict, &at, rng)),
        None => Step::Finish,
    };
    let epoch = permit.as_ref().map_or(0, Permit::epoch);
    let cause = || attempt::cause(&result, &verdict);
    let sample = Sample { outcome, elapsed, retried: step != Step::Finish };
    for pass in passes {
        pass.settle(&sample);
    }
    if let Some(permit) = permit {
        let effect = effect(policies.config.scope, outcome, trial, step);
        if effect != Effect::Neutral {
            // A success repairs the pending failure, and another failure of the call replaces it.
            call.pending = None;
        }
        match effect {
            Effect::Success => permit.success().await,
            Effect::Neutral => permit.neutral().await,
            Effect::Failure => permit.failure(cause()).await,
            Effect::Pending => call.pending = Some(permit.pending_failure(cause())),
        }
    }
    // Most calls make one attempt, so room for more is reserved only when needed.
    call.attempts.reserve_exact(1);
    call.attempts.push(record);
    match step {
        Step::Finish => {
            call.settle().await;
            Turn::Over { at: now, result }
        }
        Step::Retry { wait } => {
            let retry = scheduled(policies, call, cause(), wait);
            let (due, policies) = (now + wait, Arc::clone(policies));
            let entry = scheduler::wait(Wait { due, epoch, policies, retry });
            Turn::Wait { entry, result }
        }
    }
}

/// Asks the gates: first the breaker, then the user's own.
async fn admit(policies: &Policies) -> Result<(Option<Permit<'_>>, Vec<Pass>), Rejection> {
    let permit = match &policies.breaker {
        Some(breaker) => Some(breaker.admit().await?),
        None => None,
    };
    if policies.gates.is_empty() {
        return Ok((permit, Vec::new()));
    }
    Ok((permit, pass_all(&policies.gates, clock::now())?))
}

fn scheduled<O: Operation>(
    policies: &Policies,
    call: &Call<O>,
    cause: String,
    wait: Duration,
) -> RetryScheduled {
    RetryScheduled {
        call: call.id,
        attempt: call.attempts.last().map_or(0, |attempt| attempt.number),
        max_attempts: policies.config.retry.as_ref().map_or(1, |retry| retry.max_attempts),
        cause,
        wait,
        trace_id: trace_id(&call.operation),
    }
}

/// The error of a call that a gate has rejected. The pending failure belongs to an earlier epoch than the rejection: it
/// counts in the statistics and changes no state, so the call does not wait for it.
fn rejected<O: Operation>(
    policies: &Policies,
    call: &mut Call<O>,
    rejection: Rejection,
) -> CallError<O::Error> {
    call.settle_unobserved();
    let spread = policies.with_rng(|rng| spread(rejection.retry_after(), rng));
    let rejection = rejection.delayed_by(spread);
    policies.observers.tell(&Observation::Rejected { call: call.id, rejection: &rejection });
    rejection.into()
}

/// Ends a call because its caller has left. Its pending failure counts: impatient callers must not hide a failing
/// upstream from the breaker.
fn give_up<O: Operation>(policies: &Policies, mut call: Call<O>) {
    about(&call.operation, call.id, |call| {
        policies.observers.tell(&Observation::CallAbandoned { call });
    });
    call.settle_unobserved();
}

/// Ends a call with its answer.
fn answer<O: Operation>(policies: &Policies, call: Call<O>, at: Instant, result: ResultOf<O>) {
    let Call { id, operation, attempts, reply, started, place, .. } = call;
    let state = policies.state().unwrap_or(State::Closed);
    let report = CallReport { id, result, attempts, state, elapsed: at - started };
    tell_end(policies, &operation, &report, !reply.is_closed());
    // Free the place before the answer is sent, because the caller may make its next call at once.
    drop(place);
    // An error means that the caller has left.
    let _ = reply.send(report);
}

/// Tells the observers how a call ended.
pub(crate) fn tell_end<O: Operation>(
    policies: &Policies,
    operation: &O,
    report: &ReportOf<O>,
    answered: bool,
) {
    let rejection = match &report.result {
        Err(CallError::Rejected(rejection)) => Some(rejection),
        _ => None,
    };
    about(operation, report.id, |call| {
        policies.observers.tell(&Observation::CallEnded(&CallEnded {
            call,
            outcome: report.outcome(),
            error: report.result.as_ref().err().map(|error| error as &dyn ErrorText),
            rejection,
            attempts: &report.attempts,
            state: policies.state(),
            elapsed: report.elapsed,
            retries: policies.config.retry.is_some(),
            answered,
        }));
    });
}
