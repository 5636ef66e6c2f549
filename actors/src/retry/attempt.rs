//! One attempt of a call, from permit to report: a task of its own, which outlives its caller.

use std::{
    cell::{OnceCell, RefCell},
    panic::AssertUnwindSafe,
    rc::Rc,
    time::Instant,
};

use actix::WeakAddr;
use futures::FutureExt as _;
use rand::rngs::SmallRng;

use super::{
    actor::RetryActor,
    backoff::spread,
    config::RetryConfig,
    decision::{Effect, Situation, Step, effect, next_step},
    messages::{Call, Park, ResultOf},
};
use crate::{
    breaker::Breaker,
    call::{AttemptRecord, CallError, CallReport},
    clock,
    outcome::{Outcome, Verdict},
    rejection::Rejection,
    transport::{Attempt, Transport},
};

/// What the attempts of one scheduler share.
pub(crate) struct Shared<T: Transport> {
    pub(crate) transport: T,
    pub(crate) config: RetryConfig,
    pub(crate) breaker: Breaker,
    pub(crate) rng: RefCell<SmallRng>,
    /// Weak, so that attempts in flight do not keep a scheduler alive that nobody uses.
    pub(crate) scheduler: OnceCell<WeakAddr<RetryActor<T>>>,
}

impl<T: Transport> Shared<T> {
    /// Ends a call with the last thing that happened to it.
    pub(crate) fn answer(&self, call: Call<T>, result: ResultOf<T>) {
        let Call { id, attempts, reply, started, .. } = call;
        let (state, elapsed) = (self.breaker.state(), clock::now() - started);
        if log::log_enabled!(log::Level::Debug) {
            let (tries, secs) = (attempts.len(), elapsed.as_secs_f64());
            let end = match &result {
                Ok(_) => "answered".to_owned(),
                Err(error) => error.to_string(),
            };
            log::debug!("call {id}: {end} after {tries} attempt(s) in {secs:.3}s, circuit {state}");
        }
        // An error means that the caller has left.
        let _ = reply.send(CallReport { id, result, attempts, state, elapsed });
    }

    /// Ends a call by turning it away.
    pub(crate) fn reject(&self, call: Call<T>, rejection: Rejection) {
        let spread = spread(rejection.retry_after(), &mut *self.rng.borrow_mut());
        self.answer(call, Err(rejection.delayed_by(spread).into()));
    }
}

/// Makes the next attempt of `call`, then answers it or has it wait.
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
        return log::debug!("call {}: its caller left, no further attempt", call.id);
    }

    let number = u32::try_from(call.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let began = clock::now();
    let (result, verdict) = attempt(&shared, &call, number, began).await;
    let now = clock::now();

    let trial = permit.as_ref().is_some_and(crate::Permit::is_trial);
    let wanted = call.protection.retries()
        && shared.transport.is_idempotent(&call.request)
        && !call.reply.is_closed();
    let situation = Situation { attempt: number, trial, wanted, now, deadline: call.deadline };
    let step = next_step(&shared.config, &verdict, &situation, &mut *shared.rng.borrow_mut());

    let epoch = permit.as_ref().map_or(0, crate::Permit::epoch);
    let mut pending = None;
    if let Some(permit) = permit {
        match effect(shared.config.scope, verdict.outcome, trial, step) {
            Effect::Success => permit.success().await,
            Effect::Neutral => permit.neutral().await,
            Effect::Failure => permit.failure(cause(&result, &verdict)).await,
            Effect::Pending => pending = Some(permit.pending_failure(cause(&result, &verdict))),
        }
    }
    let Verdict { outcome, code, .. } = verdict;
    call.attempts.push(AttemptRecord { number, outcome, code, elapsed: now - began, wait: None });

    match step {
        Step::Finish => shared.answer(call, result),
        Step::Retry { wait } => {
            let cause = cause(&result, &verdict);
            let park = Park { call, since: now, due: now + wait, epoch, result, cause, pending };
            match shared.scheduler.get().and_then(WeakAddr::upgrade) {
                Some(scheduler) => scheduler.do_send(park),
                // Nobody holds the scheduler any more, so nobody is there to wait.
                None => shared.answer(park.call, park.result),
            }
        }
    }
}

/// Makes one attempt within its time, repeating it at once for as long as the upstream is not even
/// reached.
async fn attempt<T: Transport>(
    shared: &Shared<T>,
    call: &Call<T>,
    number: u32,
    began: Instant,
) -> (ResultOf<T>, Verdict) {
    let left = call.deadline.saturating_duration_since(began);
    let budget = shared.config.attempt_timeout.min(left);
    let repeats = if call.protection.asks_breaker() && shared.transport.is_idempotent(&call.request)
    {
        shared.config.connect_retries
    } else {
        0
    };
    let mut unreachable = None;
    let reach = async {
        let mut repeat = 0;
        loop {
            let this = Attempt { call: call.id, number, repeat };
            let result = shared.transport.attempt(&call.request, this).await;
            let verdict = shared.transport.classify(&result);
            let result = result.map_err(CallError::Transport);
            if verdict.outcome != Outcome::Unreachable || repeat >= repeats {
                return (result, verdict);
            }
            repeat += 1;
            log::debug!(
                "call {}: attempt {number} did not reach the upstream ({}), repeated at once \
                 ({repeat}/{repeats})",
                call.id,
                cause(&result, &verdict),
            );
            unreachable = Some((result, verdict));
        }
    };
    match tokio::time::timeout(budget, AssertUnwindSafe(reach).catch_unwind()).await {
        Ok(Ok(ended)) => return ended,
        Ok(Err(_)) => {
            log::error!("call {}: attempt {number} panicked", call.id);
            return (Err(CallError::Panicked), Outcome::Panicked.into());
        }
        Err(_) => {}
    }
    if let Some(ended) = unreachable {
        // All the time went by in trying to reach it.
        ended
    } else if budget == shared.config.attempt_timeout {
        (Err(CallError::TimedOut(budget)), Outcome::TimedOut.into())
    } else {
        let deadline = call.deadline - call.started;
        (Err(CallError::DeadlineExceeded(deadline)), Outcome::DeadlineExceeded.into())
    }
}

/// What went wrong, in a few words.
fn cause<R, E: std::error::Error>(result: &Result<R, CallError<E>>, verdict: &Verdict) -> String {
    match (result, verdict.code) {
        (Err(error), _) => error.to_string(),
        (Ok(_), Some(code)) => format!("status {code}"),
        (Ok(_), None) => format!("{:?}", verdict.outcome),
    }
}
