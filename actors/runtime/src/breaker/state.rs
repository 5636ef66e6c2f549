//! The breaker's state machine: no clock, no I/O, no actor.
//!
//! It is driven like a protocol engine (the pattern is quinn-proto's): the owner passes `now` into
//! every step, asks [`BreakerCore::poll_timeout`] when to come back, and takes what changed from
//! [`BreakerCore::poll_transition`].

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::{
    config::BreakerConfig,
    transition::{Mode, Reason, State, Transition},
    window::Streak,
};
use crate::rejection::Rejection;

/// How soon a caller may ask again when every trial permit is taken. Trials end within moments or
/// their lease, and nobody can know which.
const TRIAL_LIMIT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Leave to make one attempt, as the core knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The epoch that gave it. Reports on tickets of older epochs change nothing.
    pub(crate) epoch: u64,
    /// The trial it stands for, if it was given while half-open.
    pub(crate) trial: Option<u64>,
}

/// What an attempt says about the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    Success,
    Failure {
        /// What went wrong, for the log.
        cause: String,
        /// The epoch's success counter when it did.
        successes: u64,
    },
    /// Says nothing: frees the trial's permit and leaves the counts alone.
    Neutral,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { trials: BTreeMap<u64, Instant>, successes: u32 },
    ForcedOpen,
    Disabled,
}

/// The state machine of one circuit breaker.
#[derive(Debug)]
pub(crate) struct BreakerCore {
    config: BreakerConfig,
    phase: Phase,
    epoch: u64,
    streak: Streak,
    next_trial: u64,
    open_count: u64,
    transitions: VecDeque<Transition>,
}

impl BreakerCore {
    /// Closed, in epoch 0.
    pub(crate) fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            phase: Phase::Closed,
            epoch: 0,
            streak: Streak::default(),
            next_trial: 0,
            open_count: 0,
            transitions: VecDeque::new(),
        }
    }

    pub(crate) fn config(&self) -> &BreakerConfig {
        &self.config
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed | Phase::Disabled => State::Closed,
            Phase::Open { .. } | Phase::ForcedOpen => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self.phase {
            Phase::Closed | Phase::Open { .. } | Phase::HalfOpen { .. } => Mode::Auto,
            Phase::ForcedOpen => Mode::ForcedOpen,
            Phase::Disabled => Mode::Disabled,
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When half-open begins, while open by its own rules.
    pub(crate) fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until } => Some(until),
            _ => None,
        }
    }

    /// Transitions to open since the start.
    pub(crate) fn open_count(&self) -> u64 {
        self.open_count
    }

    /// Consecutive failures for a reader who sees `successes` on the current epoch's counter. Out
    /// of closed state: the streak that opened the circuit, so zero where nothing did.
    pub(crate) fn fail_counter(&self, successes: u64) -> u32 {
        match self.phase {
            Phase::Closed => self.streak.len(successes),
            Phase::ForcedOpen | Phase::Disabled => 0,
            _ => self.streak.len(0),
        }
    }

    /// Trials in flight and trials that succeeded in this half-open phase; zeros elsewhere.
    pub(crate) fn trials(&self) -> (usize, u32) {
        match &self.phase {
            Phase::HalfOpen { trials, successes } => (trials.len(), *successes),
            _ => (0, 0),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Closed | Phase::ForcedOpen | Phase::Disabled => None,
            Phase::Open { until } => Some(*until),
            Phase::HalfOpen { trials, .. } => trials.values().min().copied(),
        }
    }

    /// The oldest transition that has not been taken yet.
    pub(crate) fn poll_transition(&mut self) -> Option<Transition> {
        self.transitions.pop_front()
    }

    /// Does what is due: ends the open time, or a trial whose lease has run out.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        match self.phase {
            Phase::Closed | Phase::ForcedOpen | Phase::Disabled => {}
            Phase::Open { .. } => {
                let half_open = Phase::HalfOpen { trials: BTreeMap::new(), successes: 0 };
                self.enter(half_open, Reason::ResetTimeout(self.config.reset_timeout));
            }
            Phase::HalfOpen { .. } => {
                self.open(now, Reason::LeaseExpired(self.config.trial_lease));
            }
        }
    }

    /// Asks for leave to make an attempt.
    pub(crate) fn acquire(&mut self, now: Instant) -> Result<Ticket, Rejection> {
        self.handle_timeout(now);
        match &mut self.phase {
            Phase::Closed | Phase::Disabled => Ok(Ticket { epoch: self.epoch, trial: None }),
            Phase::ForcedOpen => {
                Err(Rejection::CircuitOpen { retry_after: self.config.reset_timeout })
            }
            Phase::Open { until } => {
                Err(Rejection::CircuitOpen { retry_after: until.saturating_duration_since(now) })
            }
            Phase::HalfOpen { trials, .. } => {
                if trials.len() >= self.config.half_open_max_calls as usize {
                    return Err(Rejection::TrialLimit { retry_after: TRIAL_LIMIT_RETRY_AFTER });
                }
                let trial = self.next_trial;
                self.next_trial += 1;
                trials.insert(trial, now + self.config.trial_lease);
                Ok(Ticket { epoch: self.epoch, trial: Some(trial) })
            }
        }
    }

    /// Takes the outcome of an attempt. Reports from older epochs, second reports, and reports in any
    /// mode but auto change nothing.
    pub(crate) fn report(&mut self, now: Instant, ticket: Ticket, report: Report) {
        self.handle_timeout(now);
        if ticket.epoch != self.epoch {
            return;
        }
        match (&mut self.phase, report) {
            (Phase::Closed, Report::Failure { cause, successes }) => {
                let failures = self.streak.record_failure(successes);
                if failures >= self.config.fail_max {
                    self.open(now, Reason::ConsecutiveFailures { failures, last: cause });
                }
            }
            (Phase::HalfOpen { trials, successes }, report) => {
                if ticket.trial.and_then(|trial| trials.remove(&trial)).is_none() {
                    return;
                }
                match report {
                    Report::Success => {
                        *successes += 1;
                        let successes = *successes;
                        if successes >= self.config.success_threshold {
                            self.close(Reason::TrialsSucceeded(successes));
                        }
                    }
                    Report::Failure { cause, .. } => self.open(now, Reason::TrialFailed(cause)),
                    Report::Neutral => {}
                }
            }
            _ => {}
        }
    }

    /// Closes by hand, into auto mode and a new epoch even from closed: what is in flight no longer
    /// counts.
    pub(crate) fn reset(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.close(Reason::ManualReset);
    }

    /// Changes the mode, into a new epoch: what is in flight no longer counts. Out of any other mode,
    /// auto begins closed. A mode that is already there is left as it is.
    pub(crate) fn set_mode(&mut self, now: Instant, mode: Mode) {
        self.handle_timeout(now);
        if mode == self.mode() {
            return;
        }
        let reason = Reason::ModeChosen(mode);
        match mode {
            Mode::Auto => self.close(reason),
            Mode::ForcedOpen => self.enter(Phase::ForcedOpen, reason),
            Mode::Disabled => self.enter(Phase::Disabled, reason),
        }
    }

    fn open(&mut self, now: Instant, reason: Reason) {
        self.enter(Phase::Open { until: now + self.config.reset_timeout }, reason);
    }

    fn close(&mut self, reason: Reason) {
        self.streak = Streak::default();
        self.enter(Phase::Closed, reason);
    }

    fn enter(&mut self, phase: Phase, reason: Reason) {
        let (from, from_mode) = (self.state(), self.mode());
        let half_open_in = match phase {
            Phase::Open { .. } => Some(self.config.reset_timeout),
            _ => None,
        };
        self.phase = phase;
        self.epoch += 1;
        let (to, mode, epoch) = (self.state(), self.mode(), self.epoch);
        if to == State::Open && from != State::Open {
            self.open_count += 1;
        }
        let change = Transition { from, to, from_mode, mode, epoch, reason, half_open_in };
        self.transitions.push_back(change);
    }
}
