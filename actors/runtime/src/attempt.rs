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

/// How an attempt ended.
pub(crate) struct Ended<O: Operation> {
    pub(crate) result: ResultOf<O>,
    pub(crate) verdict: Verdict,
    pub(crate) idempotent: bool,
}

/// Which attempt of which call, and when it began.
pub(crate) struct Which {
    pub(crate) call: CallId,
    /// 1 for the first attempt.
    pub(crate) number: u32,
    pub(crate) fresh_connection: bool,
    pub(crate) began: Instant,
    /// The call's.
    pub(crate) deadline: Option<Instant>,
}

/// The time that an attempt has, if that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Budget {
    /// The attempt's own timeout.
    Timeout(Duration),
    /// The rest of the call's time.
    Deadline(Duration),
    Unlimited,
}

impl Budget {
    /// The first attempt gets its whole timeout, even past the deadline: after a delay in the queue, a hanging upstream
    /// must count as a timeout, not as a deadline.
    fn of(which: &Which, timeout: Option<Duration>) -> Self {
        let left = which.deadline.map(|at| at.saturating_duration_since(which.began));
        match (timeout, left) {
            (Some(timeout), Some(left)) if which.number > 1 && left < timeout => {
                Self::Deadline(left)
            }
            (Some(timeout), _) => Self::Timeout(timeout),
            (None, Some(left)) => Self::Deadline(left),
            (None, None) => Self::Unlimited,
        }
    }

    fn ends(self, began: Instant) -> Option<Instant> {
        match self {
            Self::Timeout(time) | Self::Deadline(time) => Some(began + time),
            Self::Unlimited => None,
        }
    }
}

/// Makes one attempt. Repeats it at once while it does not reach the upstream, up to `connect_retries` times.
pub(crate) async fn make<O: Operation>(
    policies: &Policies,
    operation: &O,
    which: Which,
) -> Ended<O> {
    let budget = Budget::of(&which, policies.config.attempt_timeout);
    let due = budget.ends(which.began);
    let (connecting, idempotent) = (Cell::new(false), Cell::new(false));
    let reach = reach(policies, operation, &which, due, &connecting, &idempotent);
    let reach = pin!(AssertUnwindSafe(reach).catch_unwind());
    let ended = match due {
        Some(due) => within(due, reach).await,
        None => Some(reach.await),
    };
    let (result, verdict) = match (ended, budget) {
        (Some(Ok(ended)), _) => ended,
        (Some(Err(_)), _) => (Err(CallError::Panicked), Outcome::Panicked.into()),
        (None, Budget::Timeout(time)) if connecting.get() => {
            (Err(CallError::Unconnected(time)), Outcome::Unreachable.into())
        }
        (None, Budget::Timeout(time)) => {
            contained(|| operation.timed_out());
            (Err(CallError::TimedOut(time)), Outcome::TimedOut.into())
        }
        (None, Budget::Deadline(_) | Budget::Unlimited) => {
            let deadline = policies.config.call_deadline.unwrap_or_default();
            // A first attempt without a timeout of its own had the whole time: the upstream hangs.
            let outcome =
                if which.number == 1 { Outcome::TimedOut } else { Outcome::DeadlineExceeded };
            (Err(CallError::DeadlineExceeded(deadline)), outcome.into())
        }
    };
    Ended { result, verdict, idempotent: idempotent.get() }
}

async fn reach<O: Operation>(
    policies: &Policies,
    operation: &O,
    which: &Which,
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
                call: which.call,
                number: which.number,
                repeat,
                fresh_connection: which.fresh_connection || repeat > 0,
                due,
                connecting,
            })
            .await;
        let verdict = operation.classify(&result);
        let result = result.map_err(CallError::Transport);
        let is_over = || repeat >= repeats || due.is_some_and(|due| clock::now() >= due);
        if verdict.outcome != Outcome::Unreachable || is_over() {
            return (result, verdict);
        }
        repeat += 1;
        about(operation, which.call, |call| {
            policies.observers.tell(&Observation::AttemptRepeated {
                call,
                attempt: which.number,
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
        // A panic in it must not hide the failure from the breaker.
        (Err(error), _) => contained(|| error.to_string())
            .unwrap_or_else(|| "an error that cannot be shown".to_owned()),
        (Ok(_), Some(code)) => format!("status {code}"),
        (Ok(_), None) => format!("{:?}", verdict.outcome),
    }
}
