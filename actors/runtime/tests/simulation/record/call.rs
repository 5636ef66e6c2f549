//! Calls, as their callers and the upstream see them.

use std::{rc::Rc, time::Instant};

use resilience_actors::{CallId, Outcome};

use super::{
    attempt::{Attempt, Ended},
    in_force::Eras,
    request::{Deadlines, Request},
};
use crate::support::{Settings, now};

/// Number of a call in its episode.
pub(crate) type CallNumber = u64;

/// The policies between a call and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Circuit breaker and retries.
    Protected,
    /// Circuit breaker, one attempt.
    BreakerOnly,
    /// One attempt, without the breaker.
    Bare,
}

#[derive(Debug)]
pub(crate) struct Call {
    /// Its number for observers.
    pub(crate) id: CallId,
    pub(crate) request: Request,
    pub(crate) route: Route,
    /// The settings that it began with and keeps, and the policies.
    pub(crate) settings: Rc<Settings>,
    pub(crate) eras: Eras,
    pub(crate) started: Instant,
    pub(crate) deadlines: Deadlines,
    /// The caller has left.
    pub(crate) abandoned: bool,
    /// In the order in which they began. Attempts of the same number are a turn.
    pub(crate) attempts: Vec<Attempt>,
    /// The position of the attempt that was the last to end, cancelled ones aside. If its turn is over, it decides what
    /// becomes of the call.
    pub(crate) decisive: Option<usize>,
    /// The position of an attempt that has not reached the upstream and is repeated at once.
    pub(crate) to_be_repeated: Option<usize>,
    /// When an attempt that goes behind this call's first one began before it.
    pub(crate) overtaken: Option<Instant>,
    /// A failure that counts when the call ends, unless a later attempt is a success.
    pub(crate) pending_failure: bool,
}

impl Call {
    pub(crate) fn new(request: Request, route: Route, settings: Rc<Settings>, eras: Eras) -> Self {
        let started = now();
        let upstream = started + settings.call_deadline;
        let caller = request.time_left.map(|time| started + time);
        Self {
            id: CallId::next(),
            request,
            route,
            settings,
            eras,
            started,
            deadlines: Deadlines { upstream, caller },
            abandoned: false,
            attempts: Vec::new(),
            decisive: None,
            to_be_repeated: None,
            overtaken: None,
            pending_failure: false,
        }
    }

    pub(crate) fn number(&self) -> CallNumber {
        self.request.call
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadlines.earliest()
    }

    /// The deadline that its operation is told of.
    pub(crate) fn deadline_to_pass_on(&self) -> Option<Instant> {
        self.deadlines.caller.map(|_| self.deadline())
    }

    pub(crate) fn asks_breaker(&self) -> bool {
        self.route != Route::Bare
    }

    /// It asks the gates of this upstream.
    pub(crate) fn asks_gates_of(&self, lab: usize) -> bool {
        self.asks_breaker() && self.request.lab == lab
    }

    fn is_idempotent(&self) -> bool {
        self.request.idempotent && !self.request.panics_early
    }

    pub(crate) fn may_be_retried(&self) -> bool {
        self.route == Route::Protected && self.is_idempotent()
    }

    pub(crate) fn may_be_repeated(&self) -> bool {
        self.asks_breaker() && self.is_idempotent()
    }

    pub(crate) fn in_flight(&self) -> bool {
        self.attempts_in_flight() > 0
    }

    pub(crate) fn attempts_in_flight(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.ended.is_none()).count()
    }

    /// The number of the last attempt, 0 before the first. Hedges have the number of the attempt beside them.
    pub(crate) fn turn(&self) -> u32 {
        self.attempts.last().map_or(0, |last| last.number)
    }

    /// The attempts of this number.
    pub(crate) fn attempts_of(&self, turn: u32) -> impl Iterator<Item = &Attempt> + Clone {
        self.attempts.iter().filter(move |attempt| attempt.number == turn)
    }

    pub(crate) fn decisive(&self) -> Option<(&Attempt, Ended)> {
        let attempt = self.attempts.get(self.decisive?)?;
        Some((attempt, attempt.ended?))
    }

    /// How the last attempt ended.
    pub(crate) fn last_end(&self) -> Option<Ended> {
        self.decisive().map(|(_, ended)| ended)
    }

    pub(crate) fn last_outcome(&self) -> Option<Outcome> {
        self.last_end().map(|ended| ended.verdict.outcome)
    }

    /// Number of attempts of this epoch in flight that were slow at this instant.
    pub(crate) fn slow(&self, epoch: u64, at: Instant) -> usize {
        let slow = |attempt: &&Attempt| {
            attempt.ended.is_none() && attempt.epoch == epoch && attempt.is_slow(at)
        };
        if self.asks_breaker() { self.attempts.iter().filter(slow).count() } else { 0 }
    }
}
