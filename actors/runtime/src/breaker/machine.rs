//! The breaker's state machine: no clock, no I/O, no actor.
//!
//! Its owner passes `now` into every step, asks [`Machine::poll_timeout`] for the time of the next step, and takes
//! transitions from [`Machine::poll_transition`] (the pattern is quinn-proto's).

mod reconfigure;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    config::BreakerConfig,
    phase::Phase,
    report::{CountersAt, Report, Ticket},
    transition::{Reason, Transition},
    trials::{Trial, Trials},
    trip::{Readings, Trip, trips},
};
use crate::{
    rejection::{Rejection, RejectionKind},
    state::{Mode, State},
};

/// The `retry_after` of a rejection while every trial permit is taken. When a trial will end is not known.
const TRIAL_LIMIT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The state machine of one circuit breaker.
#[derive(Debug)]
pub(crate) struct Machine {
    config: BreakerConfig,
    phase: Phase,
    epoch: u64,
    epoch_began: Instant,
    /// Numbers the slices of a window of time from here.
    start: Instant,
    trips: Vec<Box<dyn Trip>>,
    /// Length of the streak when the circuit last left closed.
    opened_after: u32,
    /// How long the circuit stays open, or was open last.
    open_time: Duration,
    /// Number of times that the circuit has reopened since it was last closed.
    reopenings: u32,
    trials: Trials,
    open_count: u64,
    transitions: VecDeque<Transition>,
}

impl Machine {
    /// Closed, in epoch 0.
    pub(crate) fn new(config: BreakerConfig, start: Instant) -> Self {
        Self {
            start,
            trips: trips(&config, start, start),
            opened_after: 0,
            open_time: config.open_time(0),
            reopenings: 0,
            config,
            phase: Phase::Closed,
            epoch: 0,
            epoch_began: start,
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

    /// How long the circuit stays open, or would if it opened now.
    pub(crate) fn open_time(&self) -> Duration {
        self.open_time
    }

    /// What the trips count, by the current epoch's counters at `now`. While open or half-open, only the streak that
    /// opened the circuit.
    pub(crate) fn readings(&self, now: &CountersAt) -> Readings {
        let mut readings = Readings::default();
        match self.phase {
            Phase::Closed => self.trips.iter().for_each(|trip| trip.read(now, &mut readings)),
            Phase::ForcedOpen | Phase::Disabled => {}
            Phase::Open { .. } | Phase::HalfOpen => readings.fail_counter = self.opened_after,
        }
        readings
    }

    /// Trials in flight, and trials of this half-open phase that succeeded. Zeros in other phases.
    pub(crate) fn trials(&self) -> (usize, u32) {
        (self.trials.in_flight(), self.trials.succeeded())
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed | Phase::ForcedOpen | Phase::Disabled => None,
            Phase::Open { until } => Some(until),
            Phase::HalfOpen => self.trials.first_to_end().map(Trial::lease_ends),
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
                self.enter(now, Phase::HalfOpen, Reason::ResetTimeout(self.open_time));
            }
            Phase::HalfOpen => {
                if let Some(&Trial { lease, .. }) = self.trials.first_to_end() {
                    self.open(now, Reason::LeaseExpired(lease));
                }
            }
        }
    }

    /// Asks for the permission to make an attempt.
    pub(crate) fn acquire(&mut self, now: Instant) -> Result<Ticket, Rejection> {
        self.handle_timeout(now);
        match self.phase {
            Phase::Closed | Phase::Disabled => Ok(Ticket { epoch: self.epoch, trial: None }),
            Phase::ForcedOpen => {
                Err(Rejection::new(RejectionKind::CircuitOpen, self.config.reset_timeout))
            }
            Phase::Open { until } => Err(Rejection::new(
                RejectionKind::CircuitOpen,
                until.saturating_duration_since(now),
            )),
            Phase::HalfOpen => {
                if self.trials.in_flight() >= self.config.half_open_max_calls as usize {
                    return Err(Rejection::new(RejectionKind::TrialLimit, TRIAL_LIMIT_RETRY_AFTER));
                }
                let trial = self.trials.begin(now, &self.config);
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
            (Phase::Closed, report) => {
                if let Some(reason) = self.trips.iter_mut().find_map(|trip| trip.report(&report)) {
                    self.opened_after = self.readings(&CountersAt::start(now)).fail_counter;
                    self.open(now, reason);
                }
            }
            (Phase::HalfOpen, Report::WaitsForCaller) => self.trials.suspend(ticket.trial),
            (Phase::HalfOpen, report) => {
                if let Some(trial) = self.trials.end(ticket.trial) {
                    self.trial_ended(now, trial, report);
                }
            }
            (Phase::Open { .. } | Phase::ForcedOpen | Phase::Disabled, _) => {}
        }
    }

    fn trial_ended(&mut self, now: Instant, trial: Trial, report: Report) {
        match report {
            Report::Success => {
                self.trials.succeed();
                self.close_if_enough_succeeded(now);
            }
            Report::Failure(failure) => self.open(now, Reason::TrialFailed(failure.cause)),
            Report::Slow(_) => {
                let slow_call = trial.slow_call.or(self.config.slow_call).unwrap_or_default();
                let cause = format!("took over {}s", slow_call.as_secs_f64());
                self.open(now, Reason::TrialFailed(cause));
            }
            Report::Neutral | Report::SliceBegan(_) | Report::WaitsForCaller => {}
        }
    }

    fn close_if_enough_succeeded(&mut self, now: Instant) {
        let successes = self.trials.succeeded();
        if successes >= self.config.success_threshold {
            self.close(now, Reason::TrialsSucceeded(successes));
        }
    }

    /// Ends the open time early, because this number of probes in a row succeeded. Probes of older epochs change
    /// nothing.
    pub(crate) fn probes_succeeded(&mut self, now: Instant, epoch: u64, probes: u32) {
        self.handle_timeout(now);
        if epoch == self.epoch && matches!(self.phase, Phase::Open { .. }) {
            self.enter(now, Phase::HalfOpen, Reason::ProbesSucceeded(probes));
        }
    }

    /// Closes by hand and returns to auto mode. Always begins a new epoch, so results of calls in flight no longer
    /// count.
    pub(crate) fn reset(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.close(now, Reason::ManualReset);
    }

    /// Changes the mode. A new epoch begins, so results of calls in flight no longer count. Auto mode begins closed.
    /// Does nothing if the mode is the same.
    pub(crate) fn set_mode(&mut self, now: Instant, mode: Mode) {
        self.handle_timeout(now);
        if mode == self.mode() {
            return;
        }
        let reason = Reason::ModeChosen(mode);
        match mode {
            Mode::Auto => self.close(now, reason),
            Mode::ForcedOpen => self.enter(now, Phase::ForcedOpen, reason),
            Mode::Disabled => self.enter(now, Phase::Disabled, reason),
        }
    }

    fn open(&mut self, now: Instant, reason: Reason) {
        if self.phase == Phase::HalfOpen {
            self.reopenings = self.reopenings.saturating_add(1);
            self.open_time = self.config.open_time(self.reopenings);
        }
        self.enter(now, Phase::Open { until: now + self.open_time }, reason);
    }

    fn close(&mut self, now: Instant, reason: Reason) {
        self.trips = trips(&self.config, self.start, now);
        self.opened_after = 0;
        self.reopenings = 0;
        self.open_time = self.config.open_time(0);
        self.enter(now, Phase::Closed, reason);
    }

    fn enter(&mut self, now: Instant, phase: Phase, reason: Reason) {
        let (from, from_mode) = (self.state(), self.mode());
        let half_open_in = match phase {
            Phase::Open { .. } => Some(self.open_time),
            _ => None,
        };
        self.phase = phase;
        self.trials.clear();
        let after = self.begin_epoch(now);
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
            after,
            half_open_in,
        });
    }

    /// Begins the next epoch and returns how long the one before lasted.
    fn begin_epoch(&mut self, now: Instant) -> Duration {
        self.epoch += 1;
        now.saturating_duration_since(std::mem::replace(&mut self.epoch_began, now))
    }
}
