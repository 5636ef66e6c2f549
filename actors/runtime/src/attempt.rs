//! One attempt of a call, within its time limit.

mod inject;

use std::{
    cell::Cell,
    fmt::Display,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use inject::inject;

use crate::{
    caller_waits::CallerWaits,
    chaos::InjectedFault,
    clock::{self, within_extended},
    deadline::{Deadlines, TimeLimit, Times},
    observe::{Observation, about},
    operation::{Attempt, Operation},
    outcome::{CallKind, Outcome, Verdict},
    panics::{contained, discard},
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
    pub(crate) injected: Option<InjectedFault>,
}

/// What an attempt needs to know of its call.
pub(crate) struct Context<'a> {
    pub(crate) call: CallId,
    /// 1 for the first attempt.
    pub(crate) number: u32,
    /// It is made beside another attempt of the same number.
    pub(crate) hedge: bool,
    pub(crate) fresh_connection: bool,
    /// The call begins with this attempt, and has not waited for it.
    pub(crate) at_once: bool,
    /// When the call started.
    pub(crate) started: Instant,
    pub(crate) began: Instant,
    pub(crate) deadlines: Deadlines,
    pub(crate) waits: &'a CallerWaits,
}

/// How far an attempt has come. Read when it ends, also if it is cut off.
#[derive(Default)]
struct Progress {
    /// The operation looks for a connection.
    connecting: Cell<bool>,
    idempotent: Cell<bool>,
    injected: Cell<Option<InjectedFault>>,
}

/// Makes one attempt. While an idempotent attempt does not reach the upstream and has time left, runs it again at once,
/// at most `connect_retries` times.
pub(crate) async fn make<O: Operation>(
    policies: &Policies,
    operation: &O,
    context: Context<'_>,
) -> Ended<O> {
    let Context { started, began, deadlines, at_once, waits, .. } = context;
    let limit = deadlines.limit(began, policies.config.attempt_timeout, at_once);
    let due = limit.ends_at(began);
    let progress = Progress::default();
    let times = Times { started, began, deadlines, limit };
    let run = pin!(run_with_repeats(policies, operation, &context, due, &progress));
    let timed_out = |time| {
        if progress.connecting.get() {
            return (CallError::Unconnected(time), Outcome::Unreachable);
        }
        if waits.have_reached_deadline(&times) {
            return (CallError::DeadlineExceeded(times.of_call()), Outcome::DeadlineExceeded);
        }
        contained(|| operation.timed_out());
        (CallError::TimedOut(time), Outcome::TimedOut)
    };
    let extended = |due| waits.limit(&times, due);
    let (result, verdict) = run_within(&times, extended, run, timed_out).await;
    let (idempotent, injected) = (progress.idempotent.get(), progress.injected.get());
    Ended { result, verdict, idempotent, injected }
}

/// Runs an attempt within its time limit, and contains a panic in it. When the time is over, `extended` says what the
/// limit is by then. `timed_out` says what it means that the attempt's own timeout has passed. Takes references,
/// because an async fn's future stores its arguments twice.
pub(crate) async fn run_within<R, E>(
    times: &Times,
    extended: impl Fn(Instant) -> Instant,
    run: Pin<&mut impl Future<Output = (Result<R, CallError<E>>, Verdict)>>,
    timed_out: impl FnOnce(Duration) -> (CallError<E>, Outcome),
) -> (Result<R, CallError<E>>, Verdict) {
    let due = times.limit.ends_at(times.began);
    let run = pin!(AssertUnwindSafe(run).catch_unwind());
    let ended = match due {
        Some(due) => within_extended(times.began, due, extended, run).await,
        None => Some(run.await),
    };
    let Times { deadlines, limit, .. } = times;
    match (ended, limit) {
        (Some(Ok((result, verdict))), TimeLimit::Deadline(_)) => {
            let neutral = deadlines.caller.is_some() && came_too_late(&verdict, due);
            let outcome = if neutral { Outcome::DeadlineExceeded } else { verdict.outcome };
            (result, Verdict { outcome, ..verdict })
        }
        (Some(Ok(ended)), _) => ended,
        (Some(Err(payload)), _) => {
            discard(payload);
            (Err(CallError::Panicked), Outcome::Panicked.into())
        }
        (None, TimeLimit::Timeout(time)) => {
            let (error, outcome) = timed_out(*time);
            (Err(error), outcome.into())
        }
        (None, TimeLimit::Deadline(_) | TimeLimit::Unlimited) => {
            (Err(CallError::DeadlineExceeded(times.of_call())), Outcome::DeadlineExceeded.into())
        }
    }
}

/// True for a failure at the end of the call's time. An upstream that knows the deadline gives up at that moment, and
/// says so: no failure of its own.
fn came_too_late(verdict: &Verdict, due: Option<Instant>) -> bool {
    verdict.outcome.kind() == CallKind::Failed && due.is_some_and(|due| clock::now() >= due)
}

/// Runs the operation until it reaches the upstream or may not be repeated any more. Sets `progress` before it can be
/// cut off.
async fn run_with_repeats<O: Operation>(
    policies: &Policies,
    operation: &O,
    context: &Context<'_>,
    due: Option<Instant>,
    progress: &Progress,
) -> (ResultOf<O>, Verdict) {
    let Progress { connecting, idempotent, injected } = progress;
    let waits = context.waits;
    idempotent.set(operation.is_idempotent());
    if let Some(injection) = &policies.injection {
        let Context { call, number, began, .. } = *context;
        // Boxed to keep the future small for attempts without fault injection.
        let inject = inject(policies, injection, operation, call, number, began, injected);
        if Box::pin(inject).await {
            return (Err(CallError::Injected), Outcome::ServerError.into());
        }
    }
    let repeats = if idempotent.get() { policies.config.connect_retries } else { 0 };
    let mut repeat = 0;
    loop {
        connecting.set(false);
        waits.set_waiting(false);
        let result = operation
            .run(Attempt {
                call: context.call,
                number: context.number,
                hedge: context.hedge,
                repeat,
                fresh_connection: context.fresh_connection || repeat > 0,
                due,
                deadline: context.deadlines.to_pass_on(),
                connecting,
                waits,
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
            policies.common.observers.tell(&Observation::AttemptRepeated {
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
