//! One attempt of a call, within its time limit.

use std::{
    cell::Cell,
    fmt::Display,
    panic::AssertUnwindSafe,
    pin::pin,
    time::{Duration, Instant},
};

use futures::FutureExt as _;

use crate::{
    clock::{self, within},
    observe::{Observation, about},
    operation::{Attempt, Operation},
    outcome::{Outcome, Verdict},
    panics::contained,
    policies::Policies,
    report::{CallError, CallId},
};

/// The result of an attempt of operation `O`.
pub(crate) type ResultOf<O> = Result<<O as Operation>::Answer, CallError<<O as Operation>::Error>>;

/// How an attempt ended. `idempotent` is false if the operation panicked when it was asked.
pub(crate) struct Ended<O: Operation> {
    pub(crate) result: ResultOf<O>,
    pub(crate) verdict: Verdict,
    pub(crate) idempotent: bool,
}

/// What an attempt needs to know of its call.
pub(crate) struct Context {
    pub(crate) call: CallId,
    /// 1 for the first attempt.
    pub(crate) number: u32,
    /// It is made beside another attempt of the same number.
    pub(crate) hedge: bool,
    pub(crate) fresh_connection: bool,
    /// The call begins with this attempt, and has not waited for it.
    pub(crate) at_once: bool,
    pub(crate) began: Instant,
    /// The deadline of the call, if it has one.
    pub(crate) deadline: Option<Instant>,
}

/// The time limit of an attempt, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeLimit {
    /// The attempt's own timeout.
    Timeout(Duration),
    /// The rest of the call's time.
    Deadline(Duration),
    Unlimited,
}

impl TimeLimit {
    /// The attempt with which a call begins gets its whole timeout, even past the deadline. The call may have waited
    /// for its thread or for the breaker, and `DeadlineExceeded`, which is neutral, would hide a hanging upstream from
    /// the breaker.
    fn of(context: &Context, timeout: Option<Duration>) -> Self {
        let left = context.deadline.map(|at| at.saturating_duration_since(context.began));
        match (timeout, left) {
            (Some(timeout), Some(left)) if !context.at_once && left < timeout => {
                Self::Deadline(left)
            }
            (Some(timeout), _) => Self::Timeout(timeout),
            // The attempt has all of the call's time, so it is the upstream that hangs.
            (None, Some(left)) if context.at_once => Self::Timeout(left),
            (None, Some(left)) => Self::Deadline(left),
            (None, None) => Self::Unlimited,
        }
    }

    fn ends_at(self, began: Instant) -> Option<Instant> {
        match self {
            Self::Timeout(time) | Self::Deadline(time) => Some(began + time),
            Self::Unlimited => None,
        }
    }
}

/// Makes one attempt. While an idempotent attempt does not reach the upstream and has time left, runs it again at once,
/// at most `connect_retries` times.
pub(crate) async fn make<O: Operation>(
    policies: &Policies,
    operation: &O,
    context: Context,
) -> Ended<O> {
    let limit = TimeLimit::of(&context, policies.config.attempt_timeout);
    let due = limit.ends_at(context.began);
    let (connecting, idempotent) = (Cell::new(false), Cell::new(false));
    let run = run_with_repeats(policies, operation, &context, due, &connecting, &idempotent);
    let run = pin!(AssertUnwindSafe(run).catch_unwind());
    let ended = match due {
        Some(due) => within(due, run).await,
        None => Some(run.await),
    };
    let (result, verdict) = match (ended, limit) {
        (Some(Ok(ended)), _) => ended,
        (Some(Err(_)), _) => (Err(CallError::Panicked), Outcome::Panicked.into()),
        (None, TimeLimit::Timeout(time)) if connecting.get() => {
            (Err(CallError::Unconnected(time)), Outcome::Unreachable.into())
        }
        (None, TimeLimit::Timeout(time)) => {
            contained(|| operation.timed_out());
            (Err(CallError::TimedOut(time)), Outcome::TimedOut.into())
        }
        (None, TimeLimit::Deadline(_) | TimeLimit::Unlimited) => {
            let deadline = policies.config.call_deadline.unwrap_or_default();
            (Err(CallError::DeadlineExceeded(deadline)), Outcome::DeadlineExceeded.into())
        }
    };
    Ended { result, verdict, idempotent: idempotent.get() }
}

/// Runs the operation until it reaches the upstream or may not be repeated any more. Sets `connecting` and `idempotent`
/// before it can be cut off.
async fn run_with_repeats<O: Operation>(
    policies: &Policies,
    operation: &O,
    context: &Context,
    due: Option<Instant>,
    connecting: &Cell<bool>,
    idempotent: &Cell<bool>,
) -> (ResultOf<O>, Verdict) {
    idempotent.set(operation.is_idempotent());
    let repeats = if idempotent.get() { policies.config.connect_retries } else { 0 };
    let mut repeat = 0;
    loop {
        connecting.set(false);
        let result = operation
            .run(Attempt {
                call: context.call,
                number: context.number,
                hedge: context.hedge,
                repeat,
                fresh_connection: context.fresh_connection || repeat > 0,
                due,
                connecting,
            })
            .await;
        let verdict = operation.classify(&result);
        let result = result.map_err(CallError::Transport);
        let may_not_repeat = || repeat >= repeats || due.is_some_and(|due| clock::now() >= due);
        if verdict.outcome != Outcome::Unreachable || may_not_repeat() {
            return (result, verdict);
        }
        repeat += 1;
        about(operation, context.call, |call| {
            policies.observers.tell(&Observation::AttemptRepeated {
                call,
                attempt: context.number,
                repeat,
                repeats,
                cause: &cause(&result, &verdict),
            });
        });
    }
}

/// A short description of what went wrong.
pub(crate) fn cause<R, E: Display>(result: &Result<R, CallError<E>>, verdict: &Verdict) -> String {
    match (result, verdict.code) {
        // A panic in the error's `Display` must not hide the failure from the breaker.
        (Err(error), _) => contained(|| error.to_string())
            .unwrap_or_else(|| "an error that cannot be shown".to_owned()),
        (Ok(_), Some(code)) => format!("status {code}"),
        (Ok(_), None) => format!("{:?}", verdict.outcome),
    }
}
