//! The conformance cases of the breaker that need no actor, driven instant by instant.

use std::time::{Duration, Instant};

use super::{
    config::{BreakerConfig, BreakerSettings},
    machine::Machine,
    report::{CountersAt, Failure, Report, Ticket},
    transition::{Reason, Transition},
};
use crate::rejection::{Rejection, RejectionKind};
use crate::state::State;

pub(super) const RESET: Duration = Duration::from_secs(30);
pub(super) const LEASE: Duration = Duration::from_secs(5);

/// The log line of a transition.
pub(super) fn line(transition: &Transition) -> String {
    transition.to_string()
}

/// A core, and the time that it is told.
pub(super) struct Bench {
    pub(super) core: Machine,
    pub(super) now: Instant,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the first")]
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let config = BreakerConfig::try_from(settings).unwrap();
        let now = Instant::now();
        Self { core: Machine::new(config, now), now }
    }

    pub(super) fn with_trials(half_open_max_calls: u32, success_threshold: u32) -> Self {
        Self::new(BreakerSettings { half_open_max_calls, success_threshold, ..Default::default() })
    }

    pub(super) fn acquire(&mut self) -> Ticket {
        self.core.acquire(self.now).expect("admitted")
    }

    pub(super) fn report(&mut self, ticket: Ticket, report: Report) {
        self.core.report(self.now, ticket, report);
    }

    pub(super) fn fail(&mut self, ticket: Ticket) {
        self.report(ticket, failure(0));
    }

    /// Brings a closed core to open by consecutive failures.
    pub(super) fn open(&mut self) {
        for _ in 0..self.core.config().fail_max {
            let ticket = self.acquire();
            self.fail(ticket);
        }
        assert_eq!(self.core.state(), State::Open);
    }

    /// Lets time pass and delivers the timer.
    pub(super) fn advance(&mut self, by: Duration) {
        self.now += by;
        self.core.handle_timeout(self.now);
    }

    pub(super) fn half_open(&mut self) {
        self.open();
        self.advance(RESET);
        assert_eq!(self.core.state(), State::HalfOpen);
    }

    /// The streak for a reader who sees so many successes.
    pub(super) fn fail_counter(&self, successes: u64) -> u32 {
        let now = CountersAt { successes, ..CountersAt::start(self.now) };
        self.core.readings(&now).fail_counter
    }

    pub(super) fn transitions(&mut self) -> Vec<Transition> {
        std::iter::from_fn(|| self.core.poll_transition()).collect()
    }
}

/// A failure after so many successes. When does not matter.
#[expect(clippy::disallowed_methods, reason = "any instant will do")]
pub(super) fn failure(successes: u64) -> Report {
    let at = Instant::now();
    let sent = CountersAt { successes, ..CountersAt::start(at) };
    Report::Failure(Failure { cause: "connection refused".into(), at, successes, sent })
}

#[test]
fn five_consecutive_failures_open() {
    let mut bench = Bench::new(BreakerSettings::default());
    for failures in 1..=4 {
        let ticket = bench.acquire();
        bench.fail(ticket);
        assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Closed, failures));
    }
    let ticket = bench.acquire();
    bench.fail(ticket);
    assert_eq!(bench.core.state(), State::Open);
    assert_eq!(
        line(&bench.transitions()[0]),
        "circuit_breaker: closed -> open (5 consecutive failures, last: connection refused; \
         half-open in 30.0s)"
    );
}

#[test]
fn four_failures_and_a_success_do_not_open_and_the_count_restarts() {
    let mut bench = Bench::new(BreakerSettings::default());
    for successes in [0, 0, 0, 0, 1, 1, 1, 1] {
        let ticket = bench.acquire();
        bench.report(ticket, failure(successes));
    }
    assert_eq!((bench.core.state(), bench.fail_counter(1)), (State::Closed, 4));
    assert_eq!(bench.fail_counter(2), 0, "a reader who sees a later success");
}

#[test]
fn failures_older_than_a_success_do_not_open_if_they_arrive_after_it() {
    let mut bench = Bench::new(BreakerSettings::default());
    for successes in [1, 0, 0, 0, 0, 1] {
        let ticket = bench.acquire();
        bench.report(ticket, failure(successes));
    }
    assert_eq!((bench.core.state(), bench.fail_counter(1)), (State::Closed, 2));
}

#[test]
fn a_deferred_failure_leaves_the_streak_alone_if_a_later_success_was_counted() {
    let mut bench = Bench::new(BreakerSettings::default());
    for sent_after in [0, 0, 1, 1, 1] {
        let Report::Failure(mut failure) = failure(0) else { unreachable!() };
        failure.sent.successes = sent_after;
        let ticket = bench.acquire();
        bench.report(ticket, Report::Failure(failure));
    }
    assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Closed, 2));
}

#[test]
fn open_rejects_with_the_remaining_open_time() {
    let mut bench = Bench::new(BreakerSettings::default());
    bench.open();
    bench.advance(Duration::from_secs(10));
    assert_eq!(
        bench.core.acquire(bench.now),
        Err(Rejection::new(RejectionKind::CircuitOpen, Duration::from_secs(20)))
    );
}

#[test]
fn the_timer_alone_moves_open_to_half_open() {
    let mut bench = Bench::new(BreakerSettings::default());
    bench.open();
    assert_eq!(bench.core.poll_timeout(), Some(bench.now + RESET));
    bench.advance(RESET - Duration::from_nanos(1));
    assert_eq!(bench.core.state(), State::Open);
    bench.advance(Duration::from_nanos(1));
    assert_eq!(bench.core.state(), State::HalfOpen);
    assert_eq!(bench.core.poll_timeout(), None);
}

#[test]
fn the_first_call_after_the_open_time_half_opens_if_the_timer_is_late() {
    let mut bench = Bench::new(BreakerSettings::default());
    bench.open();
    bench.now += RESET;
    assert!(bench.acquire().trial.is_some());
    assert_eq!(bench.core.state(), State::HalfOpen);
}

#[test]
fn each_report_frees_one_of_four_permits_and_the_next_cycle_has_four_again() {
    let mut bench = Bench::with_trials(4, 10);
    bench.half_open();
    for _cycle in 0..2 {
        let mut tickets: Vec<_> = (0..4).map(|_| bench.acquire()).collect();
        for report in [Report::Success, Report::Neutral] {
            let rejection = bench.core.acquire(bench.now).unwrap_err();
            assert_eq!(rejection.kind(), RejectionKind::TrialLimit);
            bench.report(tickets.remove(0), report);
            tickets.push(bench.acquire());
        }
        assert!(bench.core.acquire(bench.now).is_err());
        bench.fail(tickets[0]);
        assert_eq!(bench.core.state(), State::Open);
        bench.advance(RESET);
        assert_eq!(bench.core.trials(), (0, 0));
    }
}

#[test]
fn one_failed_trial_reopens_and_restarts_the_full_reset_time() {
    let mut bench = Bench::with_trials(4, 2);
    bench.half_open();
    let (good, bad) = (bench.acquire(), bench.acquire());
    bench.report(good, Report::Success);
    bench.advance(Duration::from_secs(2));
    bench.fail(bad);
    assert_eq!((bench.core.state(), bench.core.open_count()), (State::Open, 2));
    assert_eq!(bench.core.poll_timeout(), Some(bench.now + RESET));
    assert_eq!(
        line(bench.transitions().last().unwrap()),
        "circuit_breaker: half-open -> open (trial failed: connection refused; half-open in 30.0s)"
    );
}

#[test]
fn enough_successful_trials_close() {
    let mut bench = Bench::with_trials(1, 3);
    bench.half_open();
    for successes in 1..=3 {
        assert_eq!(bench.core.state(), State::HalfOpen);
        let ticket = bench.acquire();
        bench.report(ticket, Report::Success);
        if successes < 3 {
            assert_eq!(bench.core.trials(), (0, successes));
        }
    }
    assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Closed, 0));
    assert_eq!(bench.transitions().last().unwrap().reason, Reason::TrialsSucceeded(3));
}

#[test]
fn neutral_trials_free_their_permits_and_change_no_count() {
    let mut bench = Bench::with_trials(1, 2);
    bench.half_open();
    let ticket = bench.acquire();
    bench.report(ticket, Report::Success);
    for _ in 0..1000 {
        let ticket = bench.acquire();
        bench.report(ticket, Report::Neutral);
    }
    assert_eq!((bench.core.state(), bench.core.trials()), (State::HalfOpen, (0, 1)));
}

#[test]
fn a_failure_from_before_the_opening_changes_nothing_in_half_open() {
    let mut bench = Bench::new(BreakerSettings::default());
    let early = bench.acquire();
    bench.half_open();
    bench.fail(early);
    assert_eq!(bench.core.state(), State::HalfOpen);
}

#[test]
fn a_success_from_before_the_opening_changes_nothing_while_open() {
    let mut bench = Bench::new(BreakerSettings::default());
    let early = bench.acquire();
    bench.open();
    bench.report(early, Report::Success);
    assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Open, 5));
}

#[test]
fn a_second_report_on_one_trial_does_not_free_a_second_permit() {
    let mut bench = Bench::with_trials(2, 10);
    bench.half_open();
    let (first, _second) = (bench.acquire(), bench.acquire());
    bench.report(first, Report::Neutral);
    bench.report(first, Report::Neutral);
    bench.report(first, failure(0));
    assert_eq!((bench.core.state(), bench.core.trials().0), (State::HalfOpen, 1));
}

#[test]
fn a_trial_of_an_earlier_half_open_phase_frees_nothing_in_the_next() {
    let mut bench = Bench::with_trials(2, 1);
    bench.half_open();
    let (old, bad) = (bench.acquire(), bench.acquire());
    bench.fail(bad);
    bench.advance(RESET);
    let _new = (bench.acquire(), bench.acquire());
    bench.report(old, Report::Neutral);
    assert!(bench.core.acquire(bench.now).is_err());
    bench.report(old, Report::Success);
    assert_eq!(bench.core.state(), State::HalfOpen);
}

#[test]
fn a_failure_that_arrives_while_open_does_not_open_again() {
    let mut bench = Bench::new(BreakerSettings::default());
    let late = bench.acquire();
    bench.open();
    let until = bench.core.poll_timeout();
    bench.advance(Duration::from_secs(1));
    bench.fail(late);
    assert_eq!((bench.core.open_count(), bench.core.poll_timeout()), (1, until));
    assert_eq!(bench.transitions().len(), 1);
}

#[test]
fn a_trial_that_never_reports_reopens_when_its_lease_expires() {
    let mut bench = Bench::with_trials(2, 1);
    bench.half_open();
    let lost = bench.acquire();
    bench.advance(Duration::from_secs(1));
    let _other = bench.acquire();
    assert_eq!(bench.core.poll_timeout(), Some(bench.now - Duration::from_secs(1) + LEASE));
    bench.advance(LEASE - Duration::from_secs(1));
    assert_eq!(bench.core.state(), State::Open);
    assert_eq!(bench.transitions().last().unwrap().reason, Reason::LeaseExpired(LEASE));
    bench.report(lost, Report::Success);
    assert_eq!(bench.core.state(), State::Open);
}

#[test]
fn a_report_after_its_lease_reopens_even_if_the_timer_is_late() {
    let mut bench = Bench::with_trials(1, 1);
    bench.half_open();
    let ticket = bench.acquire();
    bench.now += LEASE;
    bench.report(ticket, Report::Success);
    assert_eq!(bench.core.state(), State::Open);
}

#[test]
fn results_from_before_a_manual_reset_do_not_count() {
    let mut bench = Bench::with_trials(1, 1);
    let closed: Vec<_> = (0..9).map(|_| bench.acquire()).collect();
    bench.core.reset(bench.now);
    assert_eq!((bench.core.state(), bench.core.epoch()), (State::Closed, 1));
    closed.into_iter().for_each(|ticket| bench.fail(ticket));
    assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Closed, 0));

    bench.half_open();
    let trial = bench.acquire();
    bench.core.reset(bench.now);
    bench.fail(trial);
    assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Closed, 0));
    assert_eq!(
        line(bench.transitions().last().unwrap()),
        "circuit_breaker: half-open -> closed (manual reset)"
    );
}

#[test]
fn epochs_grow_by_one_with_each_transition() {
    let mut bench = Bench::new(BreakerSettings::default());
    bench.half_open();
    let trial = bench.acquire();
    bench.report(trial, Report::Success);
    bench.core.reset(bench.now);
    let epochs: Vec<_> = bench.transitions().iter().map(|change| change.epoch).collect();
    assert_eq!(epochs, [1, 2, 3, 4]);
}
