//! The breaker's state machine: no clock, no I/O, no actor.
//!
//! It is driven like a protocol engine (the pattern is quinn-proto's): the owner passes `now` into
//! every step, asks [`Machine::poll_timeout`] when to come back, and takes what changed from
//! [`Machine::poll_transition`].

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    config::BreakerConfig,
    report::{Report, Ticket},
    state::{Mode, Phase, State},
    transition::{Reason, Transition},
    trials::Trials,
    trip::consecutive::Streak,
};
use crate::rejection::Rejection;

/// How soon a caller may ask again when every trial permit is taken. Trials end within moments or
/// their lease, and nobody can know which.
const TRIAL_LIMIT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The state machine of one circuit breaker.
#[derive(Debug)]
pub(crate) struct Machine {
    config: BreakerConfig,
    phase: Phase,
    epoch: u64,
    streak: Streak,
    trials: Trials,
    open_count: u64,
    transitions: VecDeque<Transition>,
}

impl Machine {
    /// Closed, in epoch 0.
    pub(crate) fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            phase: Phase::Closed,
            epoch: 0,
            streak: Streak::default(),
            trials: Trials::default(),
            open_count: 0,
            transitions: VecDeque::new(),
        }
    }

    pub(crate) fn config(&self) -> &BreakerConfig {
        &self.config
    }

    pub(crate) fn state(&self) -> State {
        self.phase.state()
    }

    pub(crate) fn mode(&self) -> Mode {
        self.phase.mode()
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
        (self.trials.in_flight(), self.trials.succeeded())
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed | Phase::ForcedOpen | Phase::Disabled => None,
            Phase::Open { until } => Some(until),
            Phase::HalfOpen => self.trials.first_lease(),
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
                self.enter(Phase::HalfOpen, Reason::ResetTimeout(self.config.reset_timeout));
            }
            Phase::HalfOpen => self.open(now, Reason::LeaseExpired(self.config.trial_lease)),
        }
    }

    /// Asks for leave to make an attempt.
    pub(crate) fn acquire(&mut self, now: Instant) -> Result<Ticket, Rejection> {
        self.handle_timeout(now);
        match self.phase {
            Phase::Closed | Phase::Disabled => Ok(Ticket { epoch: self.epoch, trial: None }),
            Phase::ForcedOpen => {
                Err(Rejection::CircuitOpen { retry_after: self.config.reset_timeout })
            }
            Phase::Open { until } => {
                Err(Rejection::CircuitOpen { retry_after: until.saturating_duration_since(now) })
            }
            Phase::HalfOpen => {
                if self.trials.in_flight() >= self.config.half_open_max_calls as usize {
                    return Err(Rejection::TrialLimit { retry_after: TRIAL_LIMIT_RETRY_AFTER });
                }
                let trial = self.trials.begin(now, self.config.trial_lease);
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
        match (self.phase, report) {
            (Phase::Closed, Report::Failure { cause, successes }) => {
                let failures = self.streak.record_failure(successes);
                if failures >= self.config.fail_max {
                    self.open(now, Reason::ConsecutiveFailures { failures, last: cause });
                }
            }
            (Phase::HalfOpen, report) if self.trials.end(ticket.trial) => match report {
                Report::Success => {
                    let successes = self.trials.succeed();
                    if successes >= self.config.success_threshold {
                        self.close(Reason::TrialsSucceeded(successes));
                    }
                }
                Report::Failure { cause, .. } => self.open(now, Reason::TrialFailed(cause)),
                Report::Neutral => {}
            },
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
        self.trials.clear();
        self.epoch += 1;
        let (to, mode, epoch) = (self.state(), self.mode(), self.epoch);
        if to == State::Open && from != State::Open {
            self.open_count += 1;
        }
        self.transitions.push_back(Transition {
            phase,
            from,
            to,
            from_mode,
            mode,
            epoch,
            reason,
            half_open_in,
        });
    }
}
