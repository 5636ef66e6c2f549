//! A request between its beginning and its end, and what observers are told of it.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use crate::{
    call::{Ending, tell_end},
    clock,
    deadline::{Deadlines, Times},
    limit::Priority,
    observe::{CallOf, Observation},
    options::CallOptions,
    outcome::{Outcome, Verdict},
    policies::Policies,
    rejection::Rejection,
    report::{AttemptRecord, CallError, CallId},
};

/// A request in progress. If it is dropped before it has ended, its caller has left.
pub(super) struct InProgress<'a> {
    pub(super) policies: &'a Policies,
    pub(super) id: CallId,
    pub(super) priority: Priority,
    pub(super) deadlines: Deadlines,
    started: Instant,
    /// When the attempt in flight began.
    in_flight: Option<Instant>,
    attempt: Option<AttemptRecord>,
    over: bool,
}

impl<'a> InProgress<'a> {
    pub(super) fn new(policies: &'a Policies, options: CallOptions, started: Instant) -> Self {
        let (upstream, caller) = (policies.config.call_deadline, options.deadline(started));
        let deadlines = Deadlines::of(started, upstream, caller);
        let CallOptions { id, priority, .. } = options;
        let (in_flight, attempt, over) = (None, None, false);
        Self { policies, id, priority, deadlines, started, in_flight, attempt, over }
    }

    /// The attempt begins. Returns its time limit.
    pub(super) fn attempt_begins(&mut self, began: Instant) -> Times {
        let (policies, call) = (self.policies, self.id);
        policies.common.observers.tell(&Observation::Admitted { call, attempt: 1, hedge: false });
        self.in_flight = Some(began);
        let (started, deadlines) = (self.started, self.deadlines);
        let limit = deadlines.limit(began, policies.config.attempt_timeout, true);
        Times { started, began, deadlines, limit }
    }

    /// The attempt has ended. Returns how long it took.
    pub(super) fn attempt_ended(&mut self, verdict: &Verdict) -> Duration {
        let began = self.in_flight.take().unwrap_or(self.started);
        let (start, elapsed) = (began - self.started, clock::now() - began);
        let &Verdict { outcome, code, .. } = verdict;
        let (number, hedge, wait, injected) = (1, false, None, None);
        let record = AttemptRecord { number, hedge, outcome, code, start, elapsed, wait, injected };
        let call = self.call();
        let attempt = self.attempt.insert(record);
        self.policies.common.observers.tell(&Observation::AttemptEnded { call, attempt });
        elapsed
    }

    /// The request has ended: a gate has rejected it.
    pub(super) fn rejected<R, E: Display>(
        &mut self,
        rejection: Rejection,
    ) -> Result<R, CallError<E>> {
        let call = self.id;
        self.policies.common.observers.tell(&Observation::Rejected { call, rejection: &rejection });
        self.ended(Err(rejection.into()))
    }

    /// The request has ended.
    pub(super) fn ended<R, E: Display>(
        &mut self,
        result: Result<R, CallError<E>>,
    ) -> Result<R, CallError<E>> {
        self.over = true;
        let elapsed = match &self.attempt {
            Some(attempt) => attempt.start + attempt.elapsed,
            None => clock::now() - self.started,
        };
        let (attempts, retries, answered) = (self.attempt.as_slice(), false, true);
        let state = self.policies.state();
        let ending = Ending { result: &result, attempts, state, elapsed, retries, answered };
        tell_end(self.policies, self.call(), ending);
        result
    }

    fn call<'b>(&self) -> CallOf<'b> {
        CallOf { id: self.id, trace: &|| None }
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if self.in_flight.is_some() {
            self.attempt_ended(&Outcome::Cancelled.into());
        }
        let call = self.call();
        self.policies.common.observers.tell(&Observation::CallAbandoned { call });
    }
}
