//! A call between its beginning and its answer: what it carries, and how it ends.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    attempt::ResultOf,
    breaker::PendingFailure,
    deadline::Deadlines,
    gate::Pass,
    limit::Priority,
    observe::{CallEnded, CallOf, ErrorText, Observation, RetryScheduled, about, trace_id},
    operation::{Operation, ReportOf},
    options::CallOptions,
    policies::Policies,
    rejection::Rejection,
    report::{AttemptRecord, CallError, CallId, CallOutcome, CallReport},
    state::State,
};

/// A call between its beginning and its answer.
pub(crate) struct Call<O: Operation> {
    pub(super) id: CallId,
    /// The caller allows retries.
    pub(super) retries: bool,
    /// The retry budget has refused a retry.
    pub(super) retry_refused: bool,
    pub(super) priority: Priority,
    pub(super) operation: O,
    pub(super) started: Instant,
    /// The caller's own deadline.
    caller_deadline: Option<Instant>,
    pub(super) attempts: Vec<AttemptRecord>,
    /// The last failure. It counts when the call ends, unless a later attempt succeeds.
    pub(super) pending: Option<Box<PendingFailure>>,
    /// Closed when the caller has left.
    pub(super) reply: oneshot::Sender<ReportOf<O>>,
    /// The call's place under the call limit.
    pub(super) place: Option<Pass>,
}

impl<O: Operation> Call<O> {
    pub(crate) fn new(
        options: CallOptions,
        operation: O,
        started: Instant,
        reply: oneshot::Sender<ReportOf<O>>,
        place: Option<Pass>,
    ) -> Self {
        let caller_deadline = options.deadline(started);
        let CallOptions { id, retries, priority, .. } = options;
        Self {
            id,
            retries,
            retry_refused: false,
            priority,
            operation,
            started,
            caller_deadline,
            // Most calls make one attempt.
            attempts: Vec::with_capacity(1),
            pending: None,
            reply,
            place,
        }
    }

    pub(super) fn deadlines(&self, policies: &Policies) -> Deadlines {
        Deadlines::of(self.started, policies.config.call_deadline, self.caller_deadline)
    }

    /// The deadline that applies.
    pub(super) fn deadline(&self, policies: &Policies) -> Option<Instant> {
        self.deadlines(policies).earliest()
    }

    /// If the caller's deadline has passed: how much time it gave.
    pub(super) fn overdue(&self, now: Instant) -> Option<Duration> {
        let deadline = self.caller_deadline?;
        (now >= deadline).then(|| deadline - self.started)
    }

    /// The number of the last attempt, 0 before the first.
    fn last_attempt(&self) -> u32 {
        self.attempts.last().map_or(0, |attempt| attempt.number)
    }

    /// Counts the pending failure, and waits until the published state reflects it: the answer contains that state.
    pub(super) async fn settle(&mut self) {
        if let Some(failure) = self.pending.take() {
            failure.count().await;
        }
    }

    /// Records that the call has waited since the end of its last attempt.
    pub(super) fn waited(&mut self, now: Instant) {
        if let Some(last) = self.attempts.last_mut() {
            let since = self.started + last.start + last.elapsed;
            last.wait = Some(now.saturating_duration_since(since));
        }
    }

    /// Counts the pending failure where nothing waits for it.
    pub(super) fn settle_unobserved(&mut self) {
        drop(self.pending.take().map(|failure| failure.count()));
    }
}

pub(super) fn scheduled<O: Operation>(
    policies: &Policies,
    call: &Call<O>,
    cause: String,
    wait: Duration,
) -> RetryScheduled {
    RetryScheduled {
        call: call.id,
        attempt: call.last_attempt(),
        max_attempts: policies.max_attempts(),
        cause,
        wait,
        trace_id: trace_id(&call.operation),
    }
}

/// Notes that the retry budget has refused the call's retry.
pub(super) fn retry_refused<O: Operation>(policies: &Policies, call: &mut Call<O>, cause: &str) {
    call.retry_refused = true;
    let (attempt, max_attempts) = (call.last_attempt(), policies.max_attempts());
    about(&call.operation, call.id, |call| {
        let refused = Observation::RetryRefused { call, attempt, max_attempts, cause };
        policies.common.observers.tell(&refused);
    });
}

/// The error of a call that a gate has rejected. The pending failure belongs to an earlier epoch than the rejection: it
/// counts in the statistics and changes no state, so the call does not wait for it.
pub(super) fn rejected<O: Operation>(
    policies: &Policies,
    call: &mut Call<O>,
    rejection: Rejection,
) -> CallError<O::Error> {
    call.settle_unobserved();
    let rejection = policies.spread(rejection);
    policies.common.observers.tell(&Observation::Rejected { call: call.id, rejection: &rejection });
    rejection.into()
}

/// Ends a call because its caller has left. Its pending failure counts: impatient callers must not hide a failing
/// upstream from the breaker.
pub(super) fn give_up<O: Operation>(policies: &Policies, mut call: Call<O>) {
    about(&call.operation, call.id, |call| {
        policies.common.observers.tell(&Observation::CallAbandoned { call });
    });
    call.settle_unobserved();
}

/// Ends a call with its answer.
pub(super) fn answer<O: Operation>(
    policies: &Policies,
    call: Call<O>,
    at: Instant,
    result: ResultOf<O>,
) {
    let Call { id, retries, retry_refused, operation, attempts, reply, started, place, .. } = call;
    let elapsed = at - started;
    let answered = !reply.is_closed();
    // Read once: observers and the caller learn of the same state.
    let state = policies.state();
    let ending = Ending { result: &result, attempts: &attempts, state, elapsed, retries, answered };
    about(&operation, id, |call| tell_end(policies, call, ending));
    // Free the place before the answer is sent, because the caller may make its next call at once.
    drop(place);
    let (state, fallback) = (state.unwrap_or(State::Closed), false);
    let report = CallReport { id, result, fallback, attempts, retry_refused, state, elapsed };
    // An error means that the caller has left.
    let _ = reply.send(report);
}

/// How a call ended.
pub(crate) struct Ending<'a, R, E> {
    pub(crate) result: &'a Result<R, CallError<E>>,
    pub(crate) attempts: &'a [AttemptRecord],
    /// The state of the circuit at its end, if there is one.
    pub(crate) state: Option<State>,
    /// Time from the start of the call to its answer.
    pub(crate) elapsed: Duration,
    /// The caller allowed retries.
    pub(crate) retries: bool,
    /// The caller has not left.
    pub(crate) answered: bool,
}

/// Tells the observers how a call ended.
pub(crate) fn tell_end<R, E: Display>(
    policies: &Policies,
    call: CallOf<'_>,
    Ending { result, attempts, state, elapsed, retries, answered }: Ending<'_, R, E>,
) {
    let error = result.as_ref().err();
    policies.common.observers.tell(&Observation::CallEnded(&CallEnded {
        call,
        outcome: CallOutcome::of(result, attempts),
        error: error.map(|error| error as &dyn ErrorText),
        rejection: error.and_then(CallError::rejection),
        attempts,
        state,
        elapsed,
        retries: retries && policies.config.retry.is_some(),
        answered,
    }));
}
