//! The circuit out of its own control, and back.

use super::{
    config::BreakerSettings,
    machine_tests::{Bench, LEASE, RESET, failure, line},
    report::{Report, Ticket},
};
use crate::rejection::{Rejection, RejectionKind};
use crate::state::{Mode, State};

impl Bench {
    fn set(&mut self, mode: Mode) {
        self.core.set_mode(self.now, mode);
        assert_eq!(self.core.mode(), mode);
    }

    /// State, mode and epoch.
    fn place(&self) -> (State, Mode, u64) {
        (self.core.state(), self.core.mode(), self.core.epoch())
    }
}

fn all_reports() -> [Report; 3] {
    [Report::Success, failure(0), Report::Neutral]
}

#[test]
fn forced_open_rejects_every_call_and_never_half_opens_by_timer() {
    let mut bench = Bench::with_trials(1, 1);
    bench.set(Mode::ForcedOpen);
    assert_eq!(bench.core.poll_timeout(), None);
    for _day in 0..30 {
        bench.advance(RESET * 2880);
        let turned_away = Err(Rejection::new(RejectionKind::CircuitOpen, RESET));
        assert_eq!(bench.core.acquire(bench.now), turned_away);
    }
    assert_eq!(bench.place(), (State::Open, Mode::ForcedOpen, 1));
}

#[test]
fn forcing_an_open_circuit_open_cancels_its_timer() {
    let mut bench = Bench::with_trials(1, 1);
    bench.open();
    bench.set(Mode::ForcedOpen);
    assert_eq!((bench.core.poll_timeout(), bench.core.open_until()), (None, None));
    bench.advance(RESET * 10);
    assert_eq!(bench.place(), (State::Open, Mode::ForcedOpen, 2));
    assert_eq!(bench.core.open_count(), 1, "it was open already");
}

#[test]
fn disabled_admits_without_limit_and_no_report_changes_anything() {
    let mut bench = Bench::with_trials(1, 1);
    bench.set(Mode::Disabled);
    for _ in 0..1000 {
        for report in all_reports() {
            let ticket = bench.acquire();
            assert_eq!(ticket, Ticket { epoch: 1, trial: None });
            bench.report(ticket, report);
        }
    }
    assert_eq!(bench.place(), (State::Closed, Mode::Disabled, 1));
    assert_eq!((bench.fail_counter(0), bench.core.poll_timeout()), (0, None));
}

#[test]
fn results_that_arrive_while_forced_open_change_nothing() {
    let mut bench = Bench::with_trials(1, 1);
    let closed: Vec<_> = (0..9).map(|_| bench.acquire()).collect();
    bench.set(Mode::ForcedOpen);
    for ticket in closed {
        for report in all_reports() {
            bench.report(ticket, report);
        }
    }
    // Nor does a report for the current epoch, for which no permit can exist.
    for report in all_reports() {
        bench.report(Ticket { epoch: 1, trial: None }, report.clone());
        bench.report(Ticket { epoch: 1, trial: Some(0) }, report);
    }
    assert_eq!(bench.place(), (State::Open, Mode::ForcedOpen, 1));
}

#[test]
fn reports_of_permits_older_than_a_mode_change_are_ignored() {
    for there in [Mode::ForcedOpen, Mode::Disabled] {
        let mut bench = Bench::new(BreakerSettings { fail_max: 1, ..Default::default() });
        let before = bench.acquire();
        bench.set(there);
        let between = (there == Mode::Disabled).then(|| bench.acquire());
        bench.set(Mode::Auto);
        for ticket in between.into_iter().chain([before]) {
            bench.fail(ticket);
        }
        assert_eq!(bench.place(), (State::Closed, Mode::Auto, 2), "{there}");
        assert_eq!(bench.fail_counter(0), 0, "{there}");
    }
}

#[test]
fn a_streak_does_not_continue_after_a_mode_change() {
    for there in [Mode::ForcedOpen, Mode::Disabled] {
        let mut bench = Bench::with_trials(1, 1);
        for _ in 0..4 {
            let ticket = bench.acquire();
            bench.fail(ticket);
        }
        bench.set(there);
        assert_eq!(bench.fail_counter(0), 0, "nothing opened it");
        bench.set(Mode::Auto);
        let ticket = bench.acquire();
        bench.fail(ticket);
        assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Closed, 1));
    }
}

#[test]
fn the_report_and_the_lease_of_a_trial_older_than_a_mode_change_are_ignored() {
    for there in [Mode::ForcedOpen, Mode::Disabled] {
        for report in all_reports() {
            let mut bench = Bench::with_trials(1, 1);
            bench.half_open();
            let trial = bench.acquire();
            bench.set(there);
            let place = bench.place();
            assert_eq!((bench.core.trials(), bench.core.poll_timeout()), ((0, 0), None));
            bench.report(trial, report.clone());
            bench.advance(LEASE * 2);
            assert_eq!(bench.place(), place);

            // Nor later, in the next half-open phase.
            bench.set(Mode::Auto);
            bench.half_open();
            let _new = bench.acquire();
            bench.report(trial, report);
            assert_eq!((bench.core.state(), bench.core.trials()), (State::HalfOpen, (1, 0)));
        }
    }
}

#[test]
fn an_expired_lease_reopens_the_circuit_before_the_mode_changes() {
    let mut bench = Bench::with_trials(1, 1);
    bench.half_open();
    let _lost = bench.acquire();
    bench.now += LEASE;
    bench.set(Mode::Disabled);
    let states: Vec<_> =
        bench.transitions().iter().map(|change| (change.from, change.to)).collect();
    assert_eq!(states[2..], [(State::HalfOpen, State::Open), (State::Open, State::Closed)]);
}

#[test]
fn enable_and_reset_both_lead_to_auto_and_closed_in_a_new_epoch() {
    for there in [Mode::ForcedOpen, Mode::Disabled] {
        let mut bench = Bench::with_trials(1, 1);
        bench.set(there);
        bench.set(Mode::Auto);
        assert_eq!(bench.place(), (State::Closed, Mode::Auto, 2));
        bench.set(there);
        bench.core.reset(bench.now);
        assert_eq!(bench.place(), (State::Closed, Mode::Auto, 4));
        bench.half_open();
    }
}

#[test]
fn setting_the_current_mode_changes_nothing() {
    let mut bench = Bench::with_trials(1, 1);
    bench.open();
    bench.set(Mode::Auto);
    assert_eq!(bench.place(), (State::Open, Mode::Auto, 1), "enabling is no reset");
    bench.set(Mode::ForcedOpen);
    bench.set(Mode::ForcedOpen);
    assert_eq!(bench.place(), (State::Open, Mode::ForcedOpen, 2));
}

#[test]
fn manual_openings_are_counted_and_have_their_own_reason() {
    let mut bench = Bench::with_trials(1, 1);
    for mode in [Mode::ForcedOpen, Mode::Disabled, Mode::ForcedOpen, Mode::Auto, Mode::Disabled] {
        bench.set(mode);
    }
    assert_eq!(bench.core.open_count(), 2);
    let lines: Vec<_> = bench.transitions().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "circuit_breaker: closed -> open (forced open by hand)",
            "circuit_breaker: open -> closed (disabled by hand)",
            "circuit_breaker: closed -> open (forced open by hand)",
            "circuit_breaker: open -> closed (enabled by hand)",
            "circuit_breaker: closed -> closed (disabled by hand)",
        ]
    );
}
