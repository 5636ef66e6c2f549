//! What a call does: one attempt at a time.

use std::{borrow::Cow, cell::Cell, fmt::Display, time::Instant};

use crate::{
    caller_waits::CallerWaits,
    limit::Place as ConcurrencyPlace,
    outcome::{Outcome, Verdict},
    report::{CallId, CallReport},
};

/// The report on a call of operation `O`.
pub type ReportOf<O> = CallReport<<O as Operation>::Answer, <O as Operation>::Error>;

/// What a call asks of the upstream, and how its results are read.
///
/// A closure that takes an [`Attempt`] and returns a future of a `Result` is enough for most callers:
/// see [`Upstream::call`](crate::Upstream::call). Implement this trait to classify results, to say that a request must
/// not be repeated, or to name the trace that the call belongs to.
///
/// An operation need not be `Send`: it stays on the thread of its caller. It must not retry, and need not time an
/// attempt out: the runtime does both, and drops the future of an attempt whose time is up.
pub trait Operation: 'static {
    /// What the upstream answers, whether its caller likes the answer or not.
    type Answer: 'static;
    /// Why there is no answer. Users read its `Display` in logs.
    type Error: Display + 'static;

    /// Makes one attempt. A panic in it fails the call and nothing else.
    fn run(&self, attempt: Attempt<'_>) -> impl Future<Output = Result<Self::Answer, Self::Error>>;

    /// Says what a result means: see [`Outcome`] for the kinds and what follows from each. By default `Ok` is a success
    /// and `Err` is a failure of the upstream that is retried.
    fn classify(&self, result: &Result<Self::Answer, Self::Error>) -> Verdict {
        if result.is_ok() { Outcome::Success } else { Outcome::ServerError }.into()
    }

    /// True (the default) if the operation may reach the upstream more than once. Others are never retried, nor
    /// repeated on a fresh connection.
    fn is_idempotent(&self) -> bool {
        true
    }

    /// The trace that the call belongs to, if there is one (the default is none). Log lines about the call have it as
    /// the key `trace_id`, and the call's retry events as a field. Asked only when there is such a line or event.
    fn trace_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Called with the answer that the call returns, if the upstream limits attempts in flight: `place` is that of the
    /// attempt. By default it is dropped, and another attempt may begin. An answer whose body is read later keeps it
    /// until then. An answer that is returned because its retry was refused a wait has no place. A panic in it changes
    /// nothing.
    fn keep_place(&self, answer: &mut Self::Answer, place: ConcurrencyPlace) {
        let _ = answer;
        drop(place);
    }

    /// Called with the answer of an attempt before the call waits for its retry. The call keeps the answer, and returns
    /// it if it is refused the wait, or has no time left after it. Does nothing by default. Override it to release what
    /// an unread answer holds, such as its count as in flight. A panic in it changes nothing.
    fn set_aside(&self, answer: &mut Self::Answer) {
        let _ = answer;
    }

    /// Called when an attempt has ended by its timeout: kept connections may be dead, for instance. A panic in it
    /// changes nothing.
    fn timed_out(&self) {}
}

/// An [`Operation`] made of a closure: `Ok` is a success, `Err` a failure, and the closure can be repeated.
pub(crate) struct Closure<F, T, E> {
    pub(crate) run: F,
    pub(crate) idempotent: bool,
    types: std::marker::PhantomData<fn() -> (T, E)>,
}

impl<F, T, E> Closure<F, T, E> {
    pub(crate) fn new(run: F, idempotent: bool) -> Self {
        Self { run, idempotent, types: std::marker::PhantomData }
    }
}

impl<F, T: 'static, E: Display + 'static> Operation for Closure<F, T, E>
where
    F: AsyncFn(Attempt<'_>) -> Result<T, E> + 'static,
{
    type Answer = T;
    type Error = E;

    async fn run(&self, attempt: Attempt<'_>) -> Result<T, E> {
        (self.run)(attempt).await
    }

    fn is_idempotent(&self) -> bool {
        self.idempotent
    }
}

/// Which attempt of which call this is, and how it is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The call.
    pub call: CallId,
    /// 1 for the first attempt.
    pub number: u32,
    /// True for an attempt beside another one that takes long. The call's answer is the first good one.
    pub hedge: bool,
    /// How often this attempt has failed to reach the upstream already.
    pub repeat: u32,
    /// The attempt must use a new connection: it is a repeat, a trial of a half-open circuit, or follows an attempt
    /// that may have failed on a dead connection.
    pub fresh_connection: bool,
    /// When the runtime drops this attempt, if it has a time limit; later if the process was stopped meanwhile. An
    /// operation that can use an incomplete answer must return it before this instant. Later by the time that the
    /// attempt [waits](Self::waits) for its caller.
    pub due: Option<Instant>,
    /// When the call must be answered, if its caller has set a deadline of its own with
    /// [`time_left`](crate::CallOptions::time_left): the earlier of that and the upstream's. Pass on what is left of
    /// it, so that the upstream does not work on an answer that comes too late. May be after [`due`](Self::due).
    pub deadline: Option<Instant>,
    pub(crate) connecting: &'a Cell<bool>,
    pub(crate) waits: &'a CallerWaits,
}

impl<'a> Attempt<'a> {
    /// Where the operation says that it looks for a connection (true), and that it has one (false). An attempt whose
    /// time is up while it is true is [`Unreachable`](Outcome::Unreachable), and [`TimedOut`](Outcome::TimedOut)
    /// otherwise. False at first.
    pub fn connecting(&self) -> &'a Cell<bool> {
        self.connecting
    }

    /// Where the operation says that it waits for its caller. See [`CallerWaits`].
    pub fn waits(&self) -> &'a CallerWaits {
        self.waits
    }
}
