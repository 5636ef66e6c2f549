//! The trips against all results of the epoch, under random calls whose reports arrive late and in any order.
//!
//! The trips know counters and the reports that have arrived. The model keeps each result in a list, in the order in
//! which they really came, and counts the list from the start each time. It need not predict the trips: a report that
//! is still on its way may delay an opening. It checks that
//!
//! - the circuit opens only if, at some moment, the results up to then were as the trip says;
//! - while no report is on its way, the circuit opens at the very report at which they are.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::{prelude::*, sample::Index, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    breaker::{
        config::{BreakerConfig, BreakerSettings, Window},
        machine::Machine,
        published::Published,
        report::{Failure, Report, Ticket},
        transition::Reason,
    },
    props::config,
    state::State,
};

const TICKET: Ticket = Ticket { epoch: 0, trial: None };

// ---- the model -----------------------------------------------------------------------------------

/// A result, as one of the trips sees it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Duration,
    /// A failure, or slow.
    marked: bool,
    /// False for a failure that may still be repaired.
    counts: bool,
}

/// Everything that happened in the epoch.
#[derive(Debug, Default)]
struct Truth {
    /// Each call where it ended.
    ended: Vec<Entry>,
    /// Each slow call where it became slow, each other where it was counted.
    slow: Vec<Entry>,
    /// Moments at which the results could be looked at: how many there were then.
    moments: Vec<(Duration, usize, usize)>,
}

impl Truth {
    fn moment(&mut self, now: Duration) {
        self.moments.push((now, self.ended.len(), self.slow.len()));
    }

    /// True if a trip with these settings opens by the results of the first moments up to `index`.
    fn opens(&self, trip: Trip, settings: &BreakerSettings, index: usize) -> bool {
        let (now, ended, slow) = self.moments[index];
        match trip {
            Trip::Consecutive => {
                let counted = self.ended[..ended].iter().filter(|entry| entry.counts);
                let mut streak: Vec<_> =
                    counted.rev().take_while(|entry| entry.marked).map(|entry| entry.at).collect();
                streak.sort_unstable();
                let max_age = settings.streak_max_age.unwrap_or(Duration::MAX);
                let runs = streak.chunk_by(|before, after| *after - *before <= max_age);
                let longest = runs.map(<[Duration]>::len).max().unwrap_or(0);
                settings.fail_max > 0 && longest >= settings.fail_max as usize
            }
            Trip::FailureRate => {
                let share = settings.failure_rate;
                share.is_some_and(|share| reached(&self.ended[..ended], share, now, settings))
            }
            Trip::Failures => {
                let counted = self.ended[..ended].iter().filter(|entry| entry.counts);
                let in_window = in_window(counted.collect(), now, settings);
                let failed = in_window.iter().filter(|entry| entry.marked).count();
                settings.failures.is_some_and(|most| failed >= most as usize)
            }
            Trip::SlowRate => {
                let share = settings.slow_rate;
                share.is_some_and(|share| reached(&self.slow[..slow], share, now, settings))
            }
        }
    }
}

fn reached(results: &[Entry], share: f64, now: Duration, settings: &BreakerSettings) -> bool {
    let results = results.iter().filter(|entry| entry.counts).collect();
    let in_window = in_window(results, now, settings);
    let marked = in_window.iter().filter(|entry| entry.marked).count();
    let enough = in_window.len() >= settings.min_calls as usize;
    marked > 0 && enough && marked as f64 / in_window.len() as f64 >= share
}

fn in_window<'a>(
    mut results: Vec<&'a Entry>,
    now: Duration,
    settings: &BreakerSettings,
) -> Vec<&'a Entry> {
    let first = match settings.window {
        Window::Calls(size) => results.len().saturating_sub(size as usize),
        Window::Time(time) => {
            let slice = |at: Duration| at.as_millis() / (time / 10).as_millis();
            let first = results.iter().position(|entry| slice(entry.at) + 10 > slice(now));
            first.unwrap_or(results.len())
        }
    };
    results.split_off(first)
}

#[derive(Debug, Clone, Copy)]
enum Trip {
    Consecutive,
    FailureRate,
    Failures,
    SlowRate,
}

// ---- what can happen -----------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Op {
    /// So many calls succeed.
    Succeed(u32),
    Fail,
    /// A call becomes slow, and goes on.
    BecomeSlow,
    /// A slow call ends.
    EndSlow(End),
    /// A failure that a later attempt may repair.
    FailForNow,
    /// One of these is repaired, or counts.
    Settle(Index, bool),
    Pass(u64),
    /// One of the reports that are on their way arrives.
    Arrive(Index),
    /// All of them do, the newest first.
    ArriveAll,
}

#[derive(Debug, Clone)]
enum End {
    Success,
    Failure,
    Neutral,
}

fn op() -> impl Strategy<Value = Op> {
    let end = prop_oneof![Just(End::Success), Just(End::Failure), Just(End::Neutral)];
    prop_oneof![
        6 => Just(Op::Succeed(1)),
        2 => (2_u32..12).prop_map(Op::Succeed),
        8 => Just(Op::Fail),
        4 => Just(Op::BecomeSlow),
        4 => end.prop_map(Op::EndSlow),
        3 => Just(Op::FailForNow),
        3 => (any::<Index>(), any::<bool>()).prop_map(|(which, good)| Op::Settle(which, good)),
        5 => (0_u64..400).prop_map(Op::Pass),
        2 => (0_u64..5_000).prop_map(Op::Pass),
        8 => any::<Index>().prop_map(Op::Arrive),
        2 => Just(Op::ArriveAll),
    ]
}

fn settings() -> impl Strategy<Value = BreakerSettings> {
    let window = prop_oneof![
        (1_u32..=12).prop_map(Window::Calls),
        (1_u64..=4).prop_map(|secs| Window::Time(Duration::from_secs(secs)))
    ];
    let share = || proptest::option::of(prop_oneof![Just(0.2), Just(0.5), Just(0.75), Just(1.0)]);
    let max_age = proptest::option::of((1_u64..600).prop_map(Duration::from_millis));
    let fail_max = prop_oneof![Just(0), 1_u32..=6];
    let failures = proptest::option::weighted(0.3, 1_u32..=8);
    (fail_max, max_age, share(), failures, share(), window, 1_u32..=8)
        .prop_map(|(fail_max, streak_max_age, failure_rate, failures, slow_rate, window, min)| {
            let size = match window {
                Window::Calls(size) => size,
                Window::Time(_) => u32::MAX,
            };
            let (min_calls, failures) = (min.min(size), failures.map(|most| most.min(size)));
            let slow_call = slow_rate.map(|_| Duration::from_secs(1));
            BreakerSettings {
                fail_max,
                streak_max_age,
                failure_rate,
                failures,
                slow_rate,
                slow_call,
                window,
                min_calls,
                ..Default::default()
            }
        })
        .prop_filter("a trip", |settings| BreakerConfig::try_from(settings.clone()).is_ok())
}

/// Each with whether its report arrives at once. In half of the cases all do.
type Ops = Vec<(Op, bool)>;

fn case() -> impl Strategy<Value = (BreakerSettings, Ops)> {
    let at_once = prop_oneof![Just(1.0), Just(0.5)];
    let ops = at_once.prop_flat_map(|at_once| {
        proptest::collection::vec((op(), proptest::bool::weighted(at_once)), 0..150)
    });
    (settings(), ops)
}

// ---- the two, side by side -----------------------------------------------------------------------

struct World {
    settings: BreakerSettings,
    published: Published,
    machine: Machine,
    start: Instant,
    now: Duration,
    truth: Truth,
    slow_calls: usize,
    /// Failures that may be repaired: their index in `truth.ended`, and the successes then.
    pending: Vec<(usize, u64)>,
    on_their_way: Vec<Report>,
    /// Everything was reported when it happened, and arrived at once.
    in_order: bool,
    opened: Option<Reason>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the first")]
    fn new(settings: BreakerSettings) -> Self {
        let (config, start) = (BreakerConfig::try_from(settings.clone()).unwrap(), Instant::now());
        Self {
            settings,
            published: Published::new(&config, start),
            machine: Machine::new(config, start),
            start,
            now: Duration::ZERO,
            truth: Truth::default(),
            slow_calls: 0,
            pending: Vec::new(),
            on_their_way: Vec::new(),
            in_order: true,
            opened: None,
        }
    }

    fn at(&self) -> Instant {
        self.start + self.now
    }

    fn ended(&mut self, marked: bool, counts: bool) {
        self.truth.ended.push(Entry { at: self.now, marked, counts });
    }

    fn counted_as_slow(&mut self, marked: bool) {
        self.truth.slow.push(Entry { at: self.now, marked, counts: true });
    }

    /// As the permit does it.
    fn succeed(&mut self, slow: bool) {
        self.on_their_way.extend(self.published.begin_slice(0, self.at()).map(Report::SliceBegan));
        if slow {
            self.published.count_slow_success(0);
        } else {
            self.published.count_success(0);
            self.counted_as_slow(false);
        }
        self.ended(false, true);
    }

    /// As the permit does it: of a failure that happened now, or earlier.
    fn fail(&mut self, slow: bool, earlier: Option<(Duration, u64)>) {
        let sent = self.published.enter_slice(0, self.at());
        let (at, successes) = earlier.unwrap_or((self.now, sent.successes));
        if !slow {
            self.published.counters.failure(0);
            self.counted_as_slow(false);
        }
        let (cause, at) = (String::new(), self.start + at);
        self.on_their_way.push(Report::Failure(Failure { cause, at, successes, sent }));
    }

    fn become_slow(&mut self) {
        if self.settings.slow_rate.is_some() {
            self.slow_calls += 1;
            let now = self.published.enter_slice(0, self.at());
            self.on_their_way.push(Report::Slow(now));
            self.counted_as_slow(true);
        }
    }

    fn play(&mut self, op: &Op) {
        self.truth.moment(self.now);
        match op {
            Op::Succeed(times) => (0..*times).for_each(|_| self.succeed(false)),
            Op::Fail => {
                self.fail(false, None);
                self.ended(true, true);
            }
            Op::BecomeSlow => self.become_slow(),
            Op::EndSlow(_) if self.slow_calls == 0 => {}
            Op::EndSlow(end) => {
                self.slow_calls -= 1;
                match end {
                    End::Success => self.succeed(true),
                    End::Failure => {
                        self.fail(true, None);
                        self.ended(true, true);
                    }
                    End::Neutral => {}
                }
            }
            Op::FailForNow => {
                self.in_order = false;
                self.pending
                    .push((self.truth.ended.len(), self.published.counters.read().successes));
                self.ended(true, false);
            }
            Op::Settle(which, repaired) => {
                if !self.pending.is_empty() {
                    let (failed, successes) = self.pending.remove(which.index(self.pending.len()));
                    if !repaired {
                        let entry = &mut self.truth.ended[failed];
                        entry.counts = true;
                        let at = entry.at;
                        self.fail(false, Some((at, successes)));
                    }
                }
            }
            Op::Pass(millis) => self.now += Duration::from_millis(*millis),
            Op::Arrive(which) => {
                if !self.on_their_way.is_empty() {
                    self.arrive(which.index(self.on_their_way.len()));
                }
            }
            Op::ArriveAll => {
                while self.opened.is_none() && !self.on_their_way.is_empty() {
                    self.arrive(self.on_their_way.len() - 1);
                }
            }
        }
        self.truth.moment(self.now);
    }

    fn arrive(&mut self, index: usize) {
        let report = self.on_their_way.remove(index);
        self.machine.report(self.at(), TICKET, report);
        self.opened = self.machine.poll_transition().map(|change| change.reason);
    }

    /// The circuit opened for this trip: there was such a moment.
    fn check_opening(&self, reason: &Reason) -> Result<(), TestCaseError> {
        let trip = match reason {
            Reason::ConsecutiveFailures { .. } => Trip::Consecutive,
            Reason::FailureRate { .. } => Trip::FailureRate,
            Reason::Failures { .. } => Trip::Failures,
            Reason::SlowRate { .. } => Trip::SlowRate,
            other => return Err(TestCaseError::fail(format!("{other}"))),
        };
        let some = |index| self.truth.opens(trip, &self.settings, index);
        prop_assert!((0..self.truth.moments.len()).any(some), "opened falsely: {}", reason);
        Ok(())
    }

    /// Everything has arrived, the last of it just now, and the circuit is closed.
    fn check_closed(&self, last: &Report) -> Result<(), TestCaseError> {
        let now = self.truth.moments.len() - 1;
        let opens = |trip| self.truth.opens(trip, &self.settings, now);
        let missed = match last {
            Report::Failure(_) => opens(Trip::FailureRate) || opens(Trip::Failures),
            Report::Slow(_) => opens(Trip::SlowRate),
            _ => false,
        };
        let missed = missed || self.in_order && opens(Trip::Consecutive);
        prop_assert!(!missed, "{:?} opened nothing", last);
        Ok(())
    }

    /// What is shown is what the model counts.
    fn check_readings(&self) -> Result<(), TestCaseError> {
        let readings = self.machine.readings(&self.published.look(self.at()));
        let Truth { ended, slow, .. } = &self.truth;
        let reached = |results: &[Entry], share| reached(results, share, self.now, &self.settings);
        if let Some(rate) = readings.failure_rate {
            prop_assert!(rate == 0.0 || reached(ended, rate), "{} of {:?}", rate, ended);
            prop_assert!(!reached(ended, rate + 1e-9), "{} of {:?}", rate, ended);
        }
        if let Some(rate) = readings.slow_rate {
            prop_assert!(rate == 0.0 || reached(slow, rate), "{} of {:?}", rate, slow);
            prop_assert!(!reached(slow, rate + 1e-9), "{} of {:?}", rate, slow);
        }
        Ok(())
    }

    /// Plays all, until the circuit opens.
    fn run(&mut self, ops: &Ops) -> Result<(), TestCaseError> {
        for (op, at_once) in ops {
            let waiting = self.on_their_way.len();
            self.play(op);
            if *at_once && self.on_their_way.len() > waiting {
                let report = self.on_their_way[waiting].clone();
                self.arrive(waiting);
                if self.opened.is_none() && self.on_their_way.is_empty() {
                    self.check_closed(&report)?;
                    self.check_readings()?;
                }
            }
            self.in_order &= self.on_their_way.is_empty();
            if let Some(reason) = &self.opened {
                prop_assert_eq!(self.machine.state(), State::Open);
                return self.check_opening(reason);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_machine_opens_exactly_when_the_trip_model_opens((settings, ops) in case()) {
        World::new(settings).run(&ops)?;
    }
}

#[test]
fn calls_outside_the_window_do_not_count_towards_the_minimum() {
    let settings = BreakerSettings {
        fail_max: 0,
        failure_rate: Some(0.2),
        window: Window::Time(Duration::from_secs(1)),
        min_calls: 8,
        ..Default::default()
    };
    let mut world = World::new(settings);
    // Six calls in the window. The report that says where it begins does not arrive.
    let before = [(Op::Succeed(4), true), (Op::Pass(5_000), true), (Op::Succeed(2), false)];
    let ops = before.into_iter().chain([(); 4].map(|()| (Op::Fail, true)));
    world.run(&ops.collect()).unwrap();
    assert_eq!(world.machine.state(), State::Closed);
}

/// Agreement is worth as much as the sequences try.
#[test]
fn generated_sequences_cover_every_trip_with_ordered_and_late_reports() {
    let mut seen = BTreeSet::new();
    let mut runner = TestRunner::new(config());
    for _ in 0..400 {
        let (settings, ops) = case().new_tree(&mut runner).unwrap().current();
        let by_time = matches!(settings.window, Window::Time(_));
        let mut world = World::new(settings);
        world.run(&ops).unwrap();
        match world.opened {
            Some(Reason::ConsecutiveFailures { .. }) => seen.insert((0, world.in_order, false)),
            Some(Reason::FailureRate { .. }) => seen.insert((1, world.in_order, by_time)),
            Some(Reason::SlowRate { .. }) => seen.insert((2, world.in_order, by_time)),
            Some(Reason::Failures { .. }) => seen.insert((3, world.in_order, by_time)),
            _ => false,
        };
    }
    assert_eq!(seen.len(), 2 + 4 + 4 + 4, "{seen:?}");
}
