//! The core against a model of it, step by step, under random sequences of whatever can happen.
//!
//! The model is written from the design's rules, not from the core's code. It keeps whole lists where
//! the core keeps counters, knows time as a distance from the start, and numbers trials its own way:
//! where the two agree, they do so for different reasons.
//!
//! The sequences are the same in each run. `PROPTEST_RNG_SEED=7 PROPTEST_CASES=100000` plays others,
//! and more of them. One that fails is shortened to the steps that matter, and printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use proptest::{prelude::*, sample::Index, strategy::ValueTree, test_runner::TestRunner};

use super::{
    config::{BreakerConfig, BreakerSettings, Window},
    machine::Machine,
    phase::Phase,
    report::{CountersAt, Failure, Report, Ticket},
    transition::{Reason, Transition},
};
use crate::props::config;
use crate::rejection::{Rejection, RejectionKind};
use crate::state::{Mode, State};

const NANO: Duration = Duration::from_nanos(1);

// ---- the model -----------------------------------------------------------------------------------

/// Leave to make one attempt, as the model knows it.
#[derive(Debug, Clone, Copy)]
struct Leave {
    epoch: u64,
    /// The how many-eth trial of all it is.
    trial: Option<usize>,
}

#[derive(Debug)]
struct Trial {
    epoch: u64,
    lease: Duration,
    lease_ends: Duration,
    reported: Option<Said>,
}

/// What an attempt says about the upstream.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Good,
    /// What went wrong, and where its epoch's success counter stood when it did.
    Bad {
        cause: String,
        successes: u64,
    },
    Nothing,
}

/// A breaker as the design describes it. Nothing is ever forgotten.
#[derive(Debug)]
struct Model {
    start: Instant,
    settings: BreakerSettings,
    mode: Mode,
    state: State,
    epoch: u64,
    /// When the epoch began.
    changed: Duration,
    /// How long the circuit is open, and when half-open begins. Mean something while open in auto mode.
    open_for: Duration,
    half_open_at: Duration,
    /// The success counter's value with each failure since the circuit last began closed, or began to count
    /// consecutive failures.
    failures: Vec<u64>,
    /// All there have been.
    trials: Vec<Trial>,
    transitions: Vec<Transition>,
}

impl Model {
    fn new(start: Instant, settings: BreakerSettings) -> Self {
        Self {
            start,
            settings,
            mode: Mode::Auto,
            state: State::Closed,
            epoch: 0,
            changed: Duration::ZERO,
            open_for: Duration::ZERO,
            half_open_at: Duration::ZERO,
            failures: Vec::new(),
            trials: Vec::new(),
            transitions: Vec::new(),
        }
    }

    fn is(&self, state: State) -> bool {
        self.mode == Mode::Auto && self.state == state
    }

    /// Trials of this half-open phase. It is an epoch, so of earlier ones there is nothing here.
    fn trials_of_now(&self) -> Vec<&Trial> {
        let of_now = self.trials.iter().filter(|trial| trial.epoch == self.epoch);
        if self.is(State::HalfOpen) { of_now.collect() } else { Vec::new() }
    }

    fn in_flight(&self) -> Vec<&Trial> {
        let mut trials = self.trials_of_now();
        trials.retain(|trial| trial.reported.is_none());
        trials
    }

    fn good_trials(&self) -> usize {
        let trials = self.trials_of_now();
        trials.iter().filter(|trial| trial.reported == Some(Said::Good)).count()
    }

    /// What is due next: the end of the open time, or the first lease to run out.
    fn deadline(&self) -> Option<Duration> {
        if self.is(State::Open) {
            return Some(self.half_open_at);
        }
        self.in_flight().iter().map(|trial| trial.lease_ends).min()
    }

    /// Failures in a row after the first `successes` successes, in any order of their reports.
    fn in_a_row(&self, successes: u64) -> usize {
        let last_success = self.failures.iter().copied().max().unwrap_or(0).max(successes);
        self.failures.iter().filter(|&&at| at == last_success).count()
    }

    /// The number that a snapshot shows: if the circuit is not closed, the failures that opened it.
    fn shown_in_a_row(&self, successes: u64) -> usize {
        match (self.mode, self.state) {
            (Mode::Auto, State::Closed) => self.in_a_row(successes),
            (Mode::Auto, _) => self.in_a_row(0),
            _ => 0,
        }
    }

    fn openings(&self) -> usize {
        let opened = |change: &&Transition| change.to == State::Open && change.from != State::Open;
        self.transitions.iter().filter(opened).count()
    }

    /// Openings since the circuit was last closed.
    fn openings_in_a_row(&self) -> usize {
        let openings =
            self.transitions.iter().rev().take_while(|change| change.to != State::Closed);
        openings.filter(|change| change.to == State::Open).count()
    }

    /// The open time after so many openings: it grows with each.
    fn open_time(&self, openings: usize) -> Duration {
        let factor = (0..openings).fold(1.0, |factor, _| factor * self.settings.reset_backoff);
        self.settings.reset_timeout.mul_f64(factor).min(self.settings.reset_max)
    }

    fn change(&mut self, now: Duration, to: State, mode: Mode, reason: Reason) {
        let (from, from_mode) = (self.state, self.mode);
        self.epoch += 1;
        (self.state, self.mode) = (to, mode);
        if to == State::Closed && mode == Mode::Auto {
            self.failures.clear();
        }
        let half_open_in = self.is(State::Open).then(|| self.open_time(self.openings_in_a_row()));
        self.open_for = half_open_in.unwrap_or_default();
        self.half_open_at = now + self.open_for;
        let epoch = self.epoch;
        let phase = match (mode, to) {
            (Mode::Disabled, _) => Phase::Disabled,
            (Mode::ForcedOpen, _) => Phase::ForcedOpen,
            (Mode::Auto, State::Closed) => Phase::Closed,
            (Mode::Auto, State::HalfOpen) => Phase::HalfOpen,
            (Mode::Auto, State::Open) => Phase::Open { until: self.start + self.half_open_at },
        };
        let after = now - std::mem::replace(&mut self.changed, now);
        self.transitions.push(Transition {
            phase,
            after,
            from,
            to,
            from_mode,
            mode,
            epoch,
            reason,
            half_open_in,
        });
    }

    /// The timer's message, and what precedes every other.
    fn do_what_is_due(&mut self, now: Duration) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.is(State::Open) {
            let reason = Reason::ResetTimeout(self.open_for);
            self.change(now, State::HalfOpen, Mode::Auto, reason);
        } else {
            let trials = self.in_flight();
            let first = trials.iter().min_by_key(|trial| trial.lease_ends);
            let reason = Reason::LeaseExpired(first.expect("a lease was due").lease);
            self.change(now, State::Open, Mode::Auto, reason);
        }
    }

    /// The leave, or why there is none: for how long the circuit is open, or nothing if its trials are
    /// taken.
    fn acquire(&mut self, now: Duration) -> Result<Leave, Option<Duration>> {
        self.do_what_is_due(now);
        let epoch = self.epoch;
        match (self.mode, self.state) {
            (Mode::Disabled, _) | (Mode::Auto, State::Closed) => Ok(Leave { epoch, trial: None }),
            (Mode::ForcedOpen, _) => Err(Some(self.settings.reset_timeout)),
            (Mode::Auto, State::Open) => Err(Some(self.half_open_at - now)),
            (Mode::Auto, State::HalfOpen) => {
                if self.in_flight().len() >= self.settings.half_open_max_calls as usize {
                    return Err(None);
                }
                let lease = self.settings.trial_lease;
                let lease_ends = now + lease;
                self.trials.push(Trial { epoch, lease, lease_ends, reported: None });
                Ok(Leave { epoch, trial: Some(self.trials.len() - 1) })
            }
        }
    }

    fn report(&mut self, now: Duration, leave: Leave, said: Said) {
        self.do_what_is_due(now);
        if leave.epoch != self.epoch {
            return;
        }
        if self.is(State::Closed) {
            // Such a leave has no identity, so a second report cannot be told from a first. A permit is used up by its
            // report.
            let Said::Bad { cause, successes } = said else { return };
            if self.settings.fail_max == 0 {
                return;
            }
            self.failures.push(successes);
            // A failure from before a success that is known is none of those in a row.
            let is_last = self.failures.iter().all(|&known| known <= successes);
            let failures = self.in_a_row(0);
            if is_last && failures >= self.settings.fail_max as usize {
                let failures = u32::try_from(failures).unwrap();
                let reason = Reason::ConsecutiveFailures { failures, last: cause };
                self.change(now, State::Open, Mode::Auto, reason);
            }
        } else if self.is(State::HalfOpen) {
            let trial = leave.trial.expect("a leave of a half-open epoch is a trial");
            if self.trials[trial].reported.is_some() {
                return;
            }
            self.trials[trial].reported = Some(said.clone());
            if let Said::Bad { cause, .. } = said {
                self.change(now, State::Open, Mode::Auto, Reason::TrialFailed(cause));
            } else {
                self.close_if_enough_are_good(now);
            }
        }
    }

    fn close_if_enough_are_good(&mut self, now: Duration) {
        let good = u32::try_from(self.good_trials()).unwrap();
        if good >= self.settings.success_threshold {
            self.change(now, State::Closed, Mode::Auto, Reason::TrialsSucceeded(good));
        }
    }

    /// What is told of other settings: the epoch that begins with empty windows, and the time to half-open.
    fn reconfigure(
        &mut self,
        now: Duration,
        settings: BreakerSettings,
    ) -> Option<(Option<u64>, Option<Duration>)> {
        self.do_what_is_due(now);
        if settings == self.settings {
            return None;
        }
        let window = |of: &BreakerSettings| of.failures.is_some().then_some(of.window);
        let other_window = window(&settings) != window(&self.settings);
        self.settings = settings;
        let mut told = (None, None);
        if self.is(State::Closed) {
            if other_window {
                self.epoch += 1;
                self.changed = now;
                told.0 = Some(self.epoch);
            }
            if other_window || self.settings.fail_max == 0 {
                self.failures.clear();
            }
        } else if self.is(State::HalfOpen) {
            self.close_if_enough_are_good(now);
        } else if self.is(State::Open) {
            self.open_for = self.open_time(self.openings_in_a_row() - 1);
            let before = std::mem::replace(&mut self.half_open_at, self.changed + self.open_for);
            let left = self.half_open_at.saturating_sub(now);
            told.1 = (before != self.half_open_at).then_some(left);
            self.do_what_is_due(now);
        }
        Some(told)
    }

    /// As many good probes in a row as are enough, made in this epoch.
    fn probes_succeeded(&mut self, now: Duration, epoch: u64, probes: u32) {
        self.do_what_is_due(now);
        if epoch == self.epoch && self.is(State::Open) {
            self.change(now, State::HalfOpen, Mode::Auto, Reason::ProbesSucceeded(probes));
        }
    }

    fn reset(&mut self, now: Duration) {
        self.do_what_is_due(now);
        self.change(now, State::Closed, Mode::Auto, Reason::ManualReset);
    }

    fn choose(&mut self, now: Duration, mode: Mode) {
        self.do_what_is_due(now);
        if mode != self.mode {
            let state = if mode == Mode::ForcedOpen { State::Open } else { State::Closed };
            self.change(now, state, mode, Reason::ModeChosen(mode));
        }
    }
}

// ---- what can happen -----------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Op {
    /// A caller asks for leave.
    Acquire,
    /// A caller reports on a leave, which may be old or already reported.
    Report(Which, Kind),
    /// An attempt fails, and its report takes its time.
    FailAndTell(Which),
    /// A report that took its time arrives, and once more later if it is a `copy`.
    Arrive {
        which: Which,
        copy: bool,
    },
    /// Time passes without a step of the machine.
    Pass(Time),
    /// The timer's message arrives, due or not.
    Timer,
    /// The prober says that the upstream is back. Its probes were made this number of epochs ago.
    Probed {
        ago: u64,
        probes: u32,
    },
    Reset,
    Choose(Mode),
    Reconfigure(BreakerSettings),
}

#[derive(Debug, Clone)]
enum Kind {
    Good,
    Bad,
    Nothing,
}

/// One of a list.
#[derive(Debug, Clone)]
enum Which {
    /// Counted from the newest.
    Recent(usize),
    Any(Index),
}

impl Which {
    fn of(&self, len: usize) -> Option<usize> {
        match self {
            Self::Recent(back) => len.checked_sub(back + 1),
            Self::Any(index) => (len > 0).then(|| index.index(len)),
        }
    }
}

#[derive(Debug, Clone)]
enum Time {
    /// Until what is due next, but for the last nanosecond.
    AlmostDue,
    Due,
    /// Until so many milliseconds after it.
    Overdue(u64),
    Millis(u64),
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![4 => (0_usize..5).prop_map(Which::Recent), 1 => any::<Index>().prop_map(Which::Any)]
}

fn op() -> impl Strategy<Value = Op> {
    let kind = prop_oneof![2 => Just(Kind::Good), 4 => Just(Kind::Bad), 1 => Just(Kind::Nothing)];
    let time = prop_oneof![
        2 => Just(Time::AlmostDue),
        4 => Just(Time::Due),
        1 => (1_u64..9_000).prop_map(Time::Overdue),
        4 => (0_u64..3_000).prop_map(Time::Millis),
    ];
    let mode =
        prop_oneof![2 => Just(Mode::Auto), 1 => Just(Mode::ForcedOpen), 1 => Just(Mode::Disabled)];
    let arrive = (which(), proptest::bool::weighted(0.2));
    prop_oneof![
        60 => Just(Op::Acquire),
        60 => (which(), kind).prop_map(|(which, kind)| Op::Report(which, kind)),
        15 => which().prop_map(Op::FailAndTell),
        15 => arrive.prop_map(|(which, copy)| Op::Arrive { which, copy }),
        40 => time.prop_map(Op::Pass),
        20 => Just(Op::Timer),
        8 => (0_u64..3, 1_u32..4).prop_map(|(ago, probes)| Op::Probed { ago, probes }),
        2 => Just(Op::Reset),
        6 => mode.prop_map(Op::Choose),
        8 => settings().prop_map(Op::Reconfigure),
    ]
}

fn settings() -> impl Strategy<Value = BreakerSettings> {
    let secs = || (1_u64..=6).prop_map(Duration::from_secs);
    let backoff = prop_oneof![Just(1.0), Just(1.5), Just(2.0)];
    // A trip that looks at a window, and never opens the circuit.
    let window =
        || prop_oneof![Just(Window::Calls(1_000)), Just(Window::Time(NANO * 1_000_000_000))];
    let trips = prop_oneof![
        8 => (1_u32..=4).prop_map(|fail_max| (fail_max, None)),
        2 => (0_u32..=4, window()).prop_map(|(fail_max, window)| (fail_max, Some(window))),
    ];
    (trips, secs(), 1_u32..=3, 1_u32..=3, secs(), backoff, secs()).prop_map(
        |(
            (fail_max, window),
            reset_timeout,
            half_open_max_calls,
            success_threshold,
            trial_lease,
            factor,
            more,
        )| {
            BreakerSettings {
                fail_max,
                reset_timeout,
                reset_backoff: factor,
                reset_max: reset_timeout + more,
                half_open_max_calls,
                success_threshold,
                trial_lease,
                failures: window.map(|_| 1_000),
                window: window.unwrap_or(Window::Calls(100)),
                ..Default::default()
            }
        },
    )
}

fn case() -> impl Strategy<Value = (BreakerSettings, Vec<Op>)> {
    (settings(), proptest::collection::vec(op(), 0..200))
}

// ---- the two, side by side -----------------------------------------------------------------------

/// A report on its way.
#[derive(Debug, Clone)]
struct Letter {
    leave: usize,
    said: Said,
}

struct Pair {
    core: Machine,
    model: Model,
    start: Instant,
    now: Duration,
    /// All that were ever given.
    leaves: Vec<(Ticket, Leave)>,
    on_their_way: Vec<Letter>,
    /// The success counter of each epoch, which is not the core's.
    counters: BTreeMap<u64, u64>,
    failures: u32,
    transitions: Vec<Transition>,
    /// What other settings did.
    reconfigured: BTreeSet<String>,
}

impl Pair {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the first")]
    fn new(settings: BreakerSettings) -> Self {
        let config = BreakerConfig::try_from(settings.clone()).unwrap();
        let start = Instant::now();
        Self {
            core: Machine::new(config, start),
            model: Model::new(start, settings),
            start,
            now: Duration::ZERO,
            leaves: Vec::new(),
            on_their_way: Vec::new(),
            counters: BTreeMap::new(),
            failures: 0,
            transitions: Vec::new(),
            reconfigured: BTreeSet::new(),
        }
    }

    fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let at = self.start + self.now;
        match op {
            Op::Acquire => self.acquire()?,
            Op::Report(which, kind) => {
                if let Some(leave) = which.of(self.leaves.len()) {
                    let said = match kind {
                        Kind::Good => self.succeed(leave),
                        Kind::Bad => self.fail(leave),
                        Kind::Nothing => Said::Nothing,
                    };
                    self.report(&Letter { leave, said });
                }
            }
            Op::FailAndTell(which) => {
                if let Some(leave) = which.of(self.leaves.len()) {
                    let said = self.fail(leave);
                    self.on_their_way.push(Letter { leave, said });
                }
            }
            Op::Arrive { which, copy } => {
                if let Some(index) = which.of(self.on_their_way.len()) {
                    let letter = self.on_their_way.remove(index);
                    self.report(&letter);
                    self.on_their_way.extend(copy.then_some(letter));
                }
            }
            Op::Pass(time) => self.pass(time),
            Op::Timer => {
                self.core.handle_timeout(at);
                self.model.do_what_is_due(self.now);
            }
            Op::Probed { ago, probes } => {
                let epoch = self.model.epoch.saturating_sub(*ago);
                self.core.probes_succeeded(at, epoch, *probes);
                self.model.probes_succeeded(self.now, epoch, *probes);
            }
            Op::Reset => {
                self.core.reset(at);
                self.model.reset(self.now);
            }
            Op::Choose(mode) => {
                self.core.set_mode(at, *mode);
                self.model.choose(self.now, *mode);
            }
            Op::Reconfigure(settings) => self.reconfigure(settings)?,
        }
        self.compare()
    }

    fn reconfigure(&mut self, settings: &BreakerSettings) -> Result<(), TestCaseError> {
        let (before, epoch) = (self.model.state, self.model.epoch);
        let config = BreakerConfig::try_from(settings.clone()).unwrap();
        let told = self.core.reconfigure(self.start + self.now, config);
        let told = told.map(|change| (change.epoch, change.half_open_in));
        prop_assert_eq!(&told, &self.model.reconfigure(self.now, settings.clone()));
        let left = told.and_then(|(_, left)| left.map(|left| left.is_zero()));
        let effect = match (before, self.model.state, left) {
            (State::Open, State::HalfOpen, Some(true)) => "ends the open time",
            (State::Open, State::Open, Some(false)) => "changes the open time",
            (State::HalfOpen, State::Closed, _) => "closes",
            (State::Closed, _, _) if self.model.epoch > epoch => "empties the windows",
            _ => "changes thresholds",
        };
        self.reconfigured.insert(effect.to_owned());
        Ok(())
    }

    fn acquire(&mut self) -> Result<(), TestCaseError> {
        let given = self.core.acquire(self.start + self.now);
        match (given, self.model.acquire(self.now)) {
            (Ok(ticket), Ok(leave)) => {
                prop_assert_eq!(ticket.epoch, leave.epoch);
                prop_assert_eq!(ticket.trial.is_some(), leave.trial.is_some());
                self.leaves.push((ticket, leave));
            }
            (Err(rejection), Err(Some(wait))) => {
                prop_assert_eq!(rejection, Rejection::new(RejectionKind::CircuitOpen, wait));
            }
            (Err(rejection), Err(None)) => {
                prop_assert_eq!(rejection.kind(), RejectionKind::TrialLimit);
            }
            (core, model) => prop_assert!(false, "admission: core {core:?}, model {model:?}"),
        }
        Ok(())
    }

    /// As a permit does it: a trial's success is a report, any other is counted in its epoch.
    fn succeed(&mut self, leave: usize) -> Said {
        let (_, leave) = self.leaves[leave];
        if leave.trial.is_none() {
            *self.counters.entry(leave.epoch).or_default() += 1;
        }
        Said::Good
    }

    fn fail(&mut self, leave: usize) -> Said {
        self.failures += 1;
        let successes = self.counter(self.leaves[leave].1.epoch);
        Said::Bad { cause: format!("failure {}", self.failures), successes }
    }

    fn report(&mut self, Letter { leave, said }: &Letter) {
        let (ticket, leave) = self.leaves[*leave];
        let report = match said.clone() {
            Said::Good => Report::Success,
            Said::Bad { cause, successes } => {
                let at = self.start + self.now;
                let sent = CountersAt { successes, ..CountersAt::start(at) };
                Report::Failure(Failure { cause, at, successes, sent })
            }
            Said::Nothing => Report::Neutral,
        };
        self.core.report(self.start + self.now, ticket, report);
        self.model.report(self.now, leave, said.clone());
    }

    fn pass(&mut self, time: &Time) {
        let due = self.model.deadline().unwrap_or(self.now).max(self.now);
        self.now = match time {
            Time::AlmostDue => due.saturating_sub(NANO).max(self.now),
            Time::Due => due,
            Time::Overdue(millis) => due + Duration::from_millis(*millis),
            Time::Millis(millis) => self.now + Duration::from_millis(*millis),
        };
    }

    fn counter(&self, epoch: u64) -> u64 {
        self.counters.get(&epoch).copied().unwrap_or(0)
    }

    /// All that can be seen of the one is what the other shows.
    fn compare(&mut self) -> Result<(), TestCaseError> {
        let Self { core, model, start, .. } = self;
        prop_assert_eq!(core.state(), model.state);
        prop_assert_eq!(core.mode(), model.mode);
        prop_assert_eq!(core.epoch(), model.epoch);
        prop_assert_eq!(core.poll_timeout(), model.deadline().map(|at| *start + at));
        let open_until = model.is(State::Open).then(|| *start + model.half_open_at);
        prop_assert_eq!(core.open_until(), open_until);
        prop_assert_eq!(core.open_count(), model.openings() as u64);
        let (in_flight, good) = core.trials();
        prop_assert_eq!((in_flight, good as usize), (model.in_flight().len(), model.good_trials()));
        self.transitions.extend(std::iter::from_fn(|| self.core.poll_transition()));
        prop_assert_eq!(&self.transitions, &self.model.transitions);
        // For readers who know of all successes, of none, and of one that has not been counted yet.
        let counter = self.counter(self.core.epoch());
        for successes in [0, counter, counter + 1] {
            let reader = CountersAt { successes, ..CountersAt::start(self.start + self.now) };
            let shown = self.core.readings(&reader).fail_counter as usize;
            prop_assert_eq!(
                shown,
                self.model.shown_in_a_row(successes),
                "after {} successes",
                successes
            );
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_machine_behaves_as_the_reference_model((settings, ops) in case()) {
        let mut pair = Pair::new(settings);
        pair.compare()?;
        for op in &ops {
            pair.step(op)?;
        }
    }
}

/// Agreement is worth as much as the sequences try.
#[test]
fn generated_sequences_cover_every_transition_reason_in_each_state() {
    use State::{Closed, HalfOpen, Open};
    let (mut seen, mut reconfigured) = (BTreeSet::new(), BTreeSet::new());
    let mut runner = TestRunner::new(config());
    for _ in 0..1_000 {
        let (settings, ops) = case().new_tree(&mut runner).unwrap().current();
        let mut pair = Pair::new(settings);
        ops.iter().try_for_each(|op| pair.step(op)).unwrap();
        reconfigured.append(&mut pair.reconfigured);
        seen.extend(pair.transitions.iter().map(|change| {
            let reason = format!("{:?}", change.reason);
            let name = reason.split('(').next().unwrap_or_default();
            let name = name.split(' ').next().unwrap_or_default();
            (change.from.to_string(), change.to.to_string(), name.to_owned())
        }));
    }
    assert_eq!(reconfigured.len(), 5, "{reconfigured:?}");
    let mut expected = vec![
        (Closed, Open, "ConsecutiveFailures"),
        (Open, HalfOpen, "ResetTimeout"),
        (Open, HalfOpen, "ProbesSucceeded"),
        (HalfOpen, Open, "TrialFailed"),
        (HalfOpen, Open, "LeaseExpired"),
        (HalfOpen, Closed, "TrialsSucceeded"),
    ];
    for from in [Closed, Open, HalfOpen] {
        expected.extend([(from, Closed, "ManualReset"), (from, Closed, "ModeChosen")]);
        expected.push((from, Open, "ModeChosen"));
    }
    let expected = expected
        .into_iter()
        .map(|(from, to, reason)| (from.to_string(), to.to_string(), reason.to_owned()));
    assert_eq!(seen, expected.collect::<BTreeSet<_>>());
}
