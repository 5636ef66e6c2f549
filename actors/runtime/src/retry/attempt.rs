//! One attempt of a call, from permit to report. It runs as its own task and ends even if the caller has left.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    panic::AssertUnwindSafe,
    pin::pin,
    rc::Rc,
    time::Instant,
};

use super::{
    actor::RetryActor,
    backoff::spread,
    config::RetryConfig,
    decision::{Effect, Situation, Step, effect, next_step},
    messages::{Call, Park, ResultOf},
};
use crate::{
    breaker::{Breaker, PendingFailure},
    call::{AttemptRecord, CallError, CallReport, Protection},
    clock::{self, within},
    events::CallOutcome,
    outcome::{CallKind, Outcome, Verdict},
    rejection::Rejection,
    transport::{Attempt, Transport},
};
use actix::WeakAddr;
use futures::FutureExt as _;
use log::Level;
use rand::rngs::SmallRng;

/// State that all attempts of one scheduler share.
pub(crate) struct Shared<T: Transport> {
    pub(crate) transport: T,
    pub(crate) config: RetryConfig,
    pub(crate) breaker: Breaker,
    pub(crate) rng: RefCell<SmallRng>,
    /// Weak, so that attempts in flight do not keep the scheduler alive after its last handle is dropped.
    pub(crate) scheduler: OnceCell<WeakAddr<RetryActor<T>>>,
}

impl<T: Transport> Shared<T> {
    /// Ends a call with the result of its last attempt. First counts its pending failure and waits until the published
    /// state reflects it.
    pub(crate) async fn answer(&self, mut call: Call<T>, result: ResultOf<T>) {
        call.settle().await;
        self.answer_at(clock::now(), call, result);
    }

    /// Ends a call at `now`. Its pending failure must have been counted before.
    fn answer_at(&self, now: Instant, call: Call<T>, result: ResultOf<T>) {
        let Call { id, request, protection, attempts, reply, started, slot, .. } = call;
        let (state, elapsed) = (self.breaker.state(), now - started);
        let report = CallReport { id, result, attempts, state, elapsed };
        if !reply.is_closed() {
            count_end(&self.breaker, protection, &report);
        }
        log_end(&report, || self.trace_id(&request));
        // Free the slot before the answer is sent, because the caller may make its next call at once.
        drop(slot);
        // An error means that the caller has left.
        let _ = reply.send(report);
    }

    /// Ends a call with a rejection. The pending failure belongs to an earlier epoch than the rejection: it counts in
    /// the statistics and changes no state, so the call does not wait for it.
    pub(crate) fn reject(&self, mut call: Call<T>, rejection: Rejection) {
        drop(call.pending.take().map(PendingFailure::count));
        let spread = spread(rejection.retry_after(), &mut *self.rng.borrow_mut());
        self.answer_at(clock::now(), call, Err(rejection.delayed_by(spread).into()));
    }

    /// Ends a call because its caller has left. Its pending failure counts: impatient callers must not hide a
    /// failing upstream from the breaker.
    pub(crate) fn give_up(&self, call: Call<T>) {
        if log::log_enabled!(Level::Debug) {
            let trace = self.trace_id(&call.request);
            traced!(Level::Debug, trace, "call {}: its caller left, no further attempt", call.id);
        }
        drop(call.pending.map(PendingFailure::count));
    }

    /// Asks the transport for the trace ID of a request. Returns `None` if the transport panics, because a panic would
    /// end the actor, which calls this function too.
    pub(crate) fn trace_id<'a>(&self, request: &'a T::Request) -> Option<Cow<'a, str>> {
        let ask = AssertUnwindSafe(|| self.transport.trace_id(request));
        std::panic::catch_unwind(ask).unwrap_or_default()
    }

    /// Tells the transport that an attempt has ended. A panic of the transport must not cost the call its answer.
    fn tell_ended(&self, call: &Call<T>, attempt: &AttemptRecord) {
        let tell = AssertUnwindSafe(|| self.transport.ended(call.protection, attempt));
        // The panic hook has logged it.
        let _ = std::panic::catch_unwind(tell);
    }
}

/// Counts an answered call, if it was made with retries.
pub(crate) fn count_end<R, E: std::error::Error>(
    breaker: &Breaker,
    protection: Protection,
    report: &CallReport<R, E>,
) {
    if protection.retries() {
        let succeeded = CallOutcome::of(report) == CallOutcome::Success;
        breaker.tally().call_ended(succeeded, report.attempts.len() > 1);
    }
}

/// Logs how a call ended: at info if its last attempt was not successful, else at debug. A call that was rejected
/// before its first attempt is logged at debug: there may be thousands, and the transition's line says why.
pub(crate) fn log_end<'a, R, E: std::error::Error>(
    report: &CallReport<R, E>,
    trace: impl FnOnce() -> Option<Cow<'a, str>>,
) {
    let CallReport { id, result, attempts, state, elapsed } = report;
    let outcome = attempts.last().map(|attempt| attempt.outcome);
    let failed = outcome.is_none_or(|outcome| outcome.kind() != CallKind::Successful);
    let level = if failed && outcome.is_some() { Level::Info } else { Level::Debug };
    if !log::log_enabled!(level) {
        return;
    }
    let end = match (result, attempts.last()) {
        (Err(CallError::Rejected(rejection)), _) => format!("turned away, {rejection}"),
        (Err(error), _) => format!("failed, {error}"),
        (Ok(_), Some(AttemptRecord { code: Some(code), .. })) if failed => {
            format!("failed, status {code}")
        }
        (Ok(_), _) => if failed { "failed" } else { "succeeded" }.to_owned(),
    };
    let (tries, secs) = (attempts.len(), elapsed.as_secs_f64());
    traced!(
        level,
        trace(),
        "retry: call {id} {end}; attempts: {tries}, {secs:.3}s, circuit {state}"
    );
}

/// Makes the next attempt of `call`, then answers the call or parks it until its next attempt.
pub(crate) async fn run<T: Transport>(shared: Rc<Shared<T>>, mut call: Call<T>) {
    let permit = if call.protection.asks_breaker() {
        match shared.breaker.admit().await {
            Ok(permit) => Some(permit),
            Err(rejection) => return shared.reject(call, rejection),
        }
    } else {
        None
    };
    if call.reply.is_closed() {
        return shared.give_up(call);
    }
    let number = u32::try_from(call.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let trial = permit.as_ref().is_some_and(crate::Permit::is_trial);
    let blamed = call.attempts.last().is_some_and(|last| last.outcome.blames_connection());
    let began = clock::now();
    let Ended { result, verdict, idempotent } =
        attempt(&shared, &call, number, began, trial || blamed).await;
    let now = clock::now();
    let Verdict { outcome, code, .. } = verdict;
    let (start, elapsed) = (began - call.started, now - began);
    let record = AttemptRecord { number, outcome, code, start, elapsed, wait: None };
    // The transport must learn of the attempt before the breaker does, so that a transition follows its cause.
    shared.tell_ended(&call, &record);

    let retried = call.protection.retries() && idempotent;
    let situation = Situation { attempt: number, trial, retried, now, deadline: call.deadline };
    let step = next_step(&shared.config, &verdict, &situation, &mut *shared.rng.borrow_mut());
    let cause = || cause(&result, &verdict);
    if let Some(permit) = permit {
        let effect = effect(shared.config.scope, outcome, trial, step);
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
            shared.answer_at(now, call, result);
        }
        Step::Retry { wait } => {
            let cause = cause();
            let park = Park { call, since: now, due: now + wait, result, cause };
            match shared.scheduler.get().and_then(WeakAddr::upgrade) {
                Some(scheduler) => scheduler.do_send(park),
                // The scheduler is gone, so the call cannot wait for another attempt.
                None => shared.answer(park.call, park.result).await,
            }
        }
    }
}

/// The result of an attempt.
struct Ended<T: Transport> {
    result: ResultOf<T>,
    verdict: Verdict,
    idempotent: bool,
}

/// Makes one attempt within its timeout. Repeats it at once, up to `connect_retries` times, while it does not reach
/// the upstream.
async fn attempt<T: Transport>(
    shared: &Shared<T>,
    call: &Call<T>,
    number: u32,
    began: Instant,
    fresh_connection: bool,
) -> Ended<T> {
    let Shared { transport, config, .. } = shared;
    // The first attempt gets its full timeout, even past the deadline: after a delay in the queue, a hanging upstream
    // must count as a timeout, not as a deadline.
    let budget = match number {
        1 => config.attempt_timeout,
        _ => config.attempt_timeout.min(call.deadline.saturating_duration_since(began)),
    };
    let due = began + budget;
    let (connecting, idempotent) = (Cell::new(false), Cell::new(false));
    let reach = async {
        idempotent.set(transport.is_idempotent(&call.request));
        let repeats = match call.protection {
            Protection::None => 0,
            _ if !idempotent.get() => 0,
            _ => config.connect_retries,
        };
        let mut repeat = 0;
        loop {
            connecting.set(false);
            let this = Attempt {
                call: call.id,
                number,
                repeat,
                fresh_connection: fresh_connection || repeat > 0,
                due,
                connecting: &connecting,
            };
            let result = transport.attempt(&call.request, this).await;
            let verdict = transport.classify(&result);
            let result = result.map_err(CallError::Transport);
            let is_over = || repeat >= repeats || clock::now() >= due;
            if verdict.outcome != Outcome::Unreachable || is_over() {
                return (result, verdict);
            }
            repeat += 1;
            if log::log_enabled!(Level::Debug) {
                traced!(
                    Level::Debug,
                    shared.trace_id(&call.request),
                    "call {}: attempt {number} did not reach the upstream ({}), repeated at once \
                     ({repeat}/{repeats})",
                    call.id,
                    cause(&result, &verdict),
                );
            }
        }
    };
    let reach = pin!(AssertUnwindSafe(reach).catch_unwind());
    let (result, verdict) = match within(due, reach).await {
        Some(Ok(ended)) => ended,
        Some(Err(_)) => {
            let trace = shared.trace_id(&call.request);
            traced!(Level::Error, trace, "call {}: attempt {number} panicked", call.id);
            (Err(CallError::Panicked), Outcome::Panicked.into())
        }
        None if budget < config.attempt_timeout => {
            let deadline = call.deadline - call.started;
            (Err(CallError::DeadlineExceeded(deadline)), Outcome::DeadlineExceeded.into())
        }
        None if connecting.get() => {
            (Err(CallError::Unconnected(budget)), Outcome::Unreachable.into())
        }
        None => (Err(CallError::TimedOut(budget)), Outcome::TimedOut.into()),
    };
    Ended { result, verdict, idempotent: idempotent.get() }
}

/// A short description of what went wrong.
fn cause<R, E: std::error::Error>(result: &Result<R, CallError<E>>, verdict: &Verdict) -> String {
    match (result, verdict.code) {
        (Err(error), _) => error.to_string(),
        (Ok(_), Some(code)) => format!("status {code}"),
        (Ok(_), None) => format!("{:?}", verdict.outcome),
    }
}
