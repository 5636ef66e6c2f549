//! Other settings for a running circuit, in each of its states.

use std::time::Duration;

use super::{
    config::{BreakerConfig, BreakerSettings, Window},
    machine_tests::{Bench, LEASE, RESET, failure, line},
    phase::Phase,
    published::Published,
    reconfigured::Reconfigured,
    report::{CountersAt, Report},
    trip::Readings,
};
use crate::{
    rejection::{Rejection, RejectionKind},
    state::{Mode, State},
};

const SECOND: Duration = Duration::from_secs(1);

fn config(settings: BreakerSettings) -> BreakerConfig {
    BreakerConfig::try_from(settings).unwrap()
}

/// With other settings than the ones in force.
fn reconfigure(bench: &mut Bench, change: impl FnOnce(&mut BreakerSettings)) -> Reconfigured {
    let mut settings = (**bench.core.config()).clone();
    change(&mut settings);
    bench.core.reconfigure(bench.now, config(settings)).expect("other settings")
}

fn fail(bench: &mut Bench, times: usize) {
    for _ in 0..times {
        let ticket = bench.acquire();
        bench.fail(ticket);
    }
}

fn readings(bench: &Bench) -> Readings {
    bench.core.readings(&CountersAt::start(bench.now))
}

/// Every windowed trip, and none of them opens the circuit soon.
fn windowed() -> BreakerSettings {
    BreakerSettings {
        fail_max: 50,
        failure_rate: Some(1.0),
        failures: Some(10),
        window: Window::Calls(20),
        min_calls: 20,
        slow_call: Some(SECOND),
        slow_rate: Some(1.0),
        ..Default::default()
    }
}

fn become_slow(bench: &mut Bench) {
    let ticket = bench.acquire();
    bench.report(ticket, Report::Slow(CountersAt::start(bench.now)));
}

// ---- closed ----------------------------------------------------------------------------------------

#[test]
fn the_streak_stays_and_a_lower_fail_max_acts_at_the_next_failure() {
    let mut bench = Bench::new(BreakerSettings::default());
    fail(&mut bench, 4);
    let before = bench.acquire();
    let change = reconfigure(&mut bench, |settings| settings.fail_max = 3);
    assert_eq!((change.epoch, bench.core.epoch()), (None, 0));
    assert_eq!((bench.core.state(), bench.fail_counter(0)), (State::Closed, 4));
    bench.fail(before);
    assert_eq!(bench.core.state(), State::Open, "a permit from before counts as always");
    assert_eq!(
        line(&bench.transitions()[0]),
        "circuit_breaker: closed -> open (5 consecutive failures, last: connection refused; \
         half-open in 30.0s)"
    );
}

#[test]
fn a_higher_fail_max_takes_the_failures_so_far_into_account() {
    let mut bench = Bench::new(BreakerSettings::default());
    fail(&mut bench, 4);
    reconfigure(&mut bench, |settings| settings.fail_max = 6);
    fail(&mut bench, 1);
    assert_eq!(bench.core.state(), State::Closed);
    fail(&mut bench, 1);
    assert_eq!(bench.core.state(), State::Open);
}

#[test]
fn the_consecutive_trip_is_switched_off_and_on_while_windows_stay() {
    let mut bench = Bench::new(windowed());
    fail(&mut bench, 2);
    reconfigure(&mut bench, |settings| settings.fail_max = 0);
    assert_eq!((readings(&bench).fail_counter, readings(&bench).failed), (0, 2));
    fail(&mut bench, 1);
    let change = reconfigure(&mut bench, |settings| settings.fail_max = 2);
    assert_eq!((change.epoch, readings(&bench).fail_counter), (None, 0));
    fail(&mut bench, 1);
    assert_eq!((bench.core.state(), readings(&bench).failed), (State::Closed, 4));
    fail(&mut bench, 1);
    assert!(line(&bench.transitions()[0]).contains("2 consecutive failures"));
}

#[test]
fn a_shorter_streak_max_age_ends_the_streak_at_its_last_gap() {
    let mut bench = Bench::new(BreakerSettings::default());
    let began = bench.now;
    for second in [0, 1, 5, 6] {
        bench.now = began + second * SECOND;
        let ticket = bench.acquire();
        let sent = CountersAt::start(bench.now);
        let Report::Failure(failure) = failure(0) else { unreachable!() };
        let failure = super::report::Failure { at: bench.now, sent, ..failure };
        bench.report(ticket, Report::Failure(failure));
    }
    reconfigure(&mut bench, |settings| settings.streak_max_age = Some(4 * SECOND));
    assert_eq!(bench.fail_counter(0), 4);
    reconfigure(&mut bench, |settings| settings.streak_max_age = Some(3 * SECOND));
    assert_eq!(bench.fail_counter(0), 2);
    reconfigure(&mut bench, |settings| settings.streak_max_age = None);
    assert_eq!(bench.fail_counter(0), 2, "what has ended does not come back");
}

#[test]
fn windows_stay_and_lower_thresholds_act_at_the_next_report() {
    type Change = fn(&mut BreakerSettings);
    let cases: [(&str, Change, fn(&mut Bench)); 4] = [
        ("6 of the last 20 calls failed", |to| to.failures = Some(5), |bench| fail(bench, 1)),
        (
            "100 % of the last 6 calls failed",
            |to| (to.failure_rate, to.min_calls) = (Some(0.5), 6),
            |bench| fail(bench, 1),
        ),
        (
            "100 % of the last 6 calls took over 1s",
            |to| (to.slow_rate, to.min_calls) = (Some(0.6), 6),
            become_slow,
        ),
        ("6 consecutive failures", |to| to.fail_max = 6, |bench| fail(bench, 1)),
    ];
    for (reason, change, next) in cases {
        let mut bench = Bench::new(windowed());
        fail(&mut bench, 5);
        (0..5).for_each(|_| become_slow(&mut bench));
        let before = readings(&bench);
        assert_eq!((before.failed, before.slow), (5, 5));
        let told = reconfigure(&mut bench, change);
        let after = readings(&bench);
        assert_eq!((after.failed, after.slow, told.epoch), (5, 5, None), "{reason}");
        assert_eq!(bench.core.state(), State::Closed, "{reason}");
        next(&mut bench);
        let opening = bench.transitions().pop().expect(reason);
        assert!(line(&opening).contains(reason), "{opening}");
    }
}

#[test]
fn other_windows_begin_empty_in_a_new_epoch_that_is_no_transition() {
    let changes: [fn(&mut BreakerSettings); 6] = [
        |to| to.window = Window::Calls(30),
        |to| to.window = Window::Time(10 * SECOND),
        |to| to.slow_call = Some(2 * SECOND),
        |to| (to.slow_call, to.slow_rate) = (None, None),
        |to| to.failure_rate = None,
        |to| to.failures = None,
    ];
    for change in changes {
        let mut bench = Bench::new(windowed());
        fail(&mut bench, 4);
        become_slow(&mut bench);
        let old = bench.acquire();
        bench.now += SECOND;
        let told = reconfigure(&mut bench, change);
        assert_eq!((told.epoch, bench.core.epoch()), (Some(1), 1), "{told}");
        assert!(told.to_string().ends_with("; windows begin empty)"), "{told}");
        bench.fail(old);
        let now = readings(&bench);
        assert_eq!((now.fail_counter, now.failed, now.slow, now.calls), (0, 0, 0, 0), "{told}");
        assert_eq!((bench.transitions(), bench.core.open_count()), (vec![], 0), "{told}");
        while bench.core.state() == State::Closed {
            fail(&mut bench, 1);
        }
        assert_eq!(bench.transitions()[0].epoch, 2);
    }
}

#[test]
fn a_trip_that_looks_at_the_window_is_switched_on_with_an_empty_window() {
    let mut bench = Bench::new(BreakerSettings::default());
    fail(&mut bench, 4);
    let change = reconfigure(&mut bench, |settings| settings.failures = Some(2));
    assert_eq!((change.epoch, bench.fail_counter(0)), (Some(1), 0));
    fail(&mut bench, 1);
    assert_eq!(bench.core.state(), State::Closed);
    fail(&mut bench, 1);
    assert_eq!(bench.core.state(), State::Open);
}

#[test]
fn a_window_that_no_trip_looks_at_changes_nothing_that_is_counted() {
    let mut bench = Bench::new(BreakerSettings::default());
    fail(&mut bench, 4);
    let change = reconfigure(&mut bench, |settings| settings.window = Window::Time(SECOND));
    assert_eq!((change.epoch, bench.fail_counter(0)), (None, 4));
}

#[test]
fn the_same_settings_change_nothing() {
    let mut bench = Bench::new(windowed());
    fail(&mut bench, 4);
    assert_eq!(bench.core.reconfigure(bench.now, config(windowed())), None);
    assert_eq!((bench.core.epoch(), bench.fail_counter(0)), (0, 4));
}

// ---- open ------------------------------------------------------------------------------------------

#[test]
fn another_reset_timeout_is_counted_from_the_opening() {
    for (reset_timeout, left) in [(12, 2), (40, 30)] {
        let mut bench = Bench::new(BreakerSettings::default());
        bench.open();
        let (opened, open_count) = (bench.now, bench.core.open_count());
        bench.advance(10 * SECOND);
        let change = reconfigure(&mut bench, |to| to.reset_timeout = reset_timeout * SECOND);
        assert_eq!(change.half_open_in, Some(left * SECOND));
        let until = opened + reset_timeout * SECOND;
        assert_eq!(bench.core.poll_timeout(), Some(until), "the timer follows");
        let rejection = Rejection::new(RejectionKind::CircuitOpen, left * SECOND);
        assert_eq!(bench.core.acquire(bench.now), Err(rejection));
        assert_eq!((bench.core.epoch(), bench.core.open_count()), (1, open_count));
        bench.advance(left * SECOND);
        let expected = format!(
            "circuit_breaker: open -> half-open (reset timeout of {reset_timeout}.0s elapsed)"
        );
        assert_eq!(line(&bench.transitions()[1]), expected);
    }
}

#[test]
fn an_open_time_that_is_over_by_the_new_reset_timeout_ends_at_once() {
    let mut bench = Bench::new(BreakerSettings::default());
    bench.open();
    bench.advance(10 * SECOND);
    let change = reconfigure(&mut bench, |to| to.reset_timeout = 10 * SECOND);
    assert_eq!((change.half_open_in, bench.core.state()), (Some(Duration::ZERO), State::HalfOpen));
    assert_eq!(
        line(&bench.transitions()[1]),
        "circuit_breaker: open -> half-open (reset timeout of 10.0s elapsed)"
    );
}

#[test]
fn what_is_due_is_done_by_the_older_settings() {
    let mut bench = Bench::new(BreakerSettings::default());
    bench.open();
    bench.now += RESET;
    let change = reconfigure(&mut bench, |to| to.reset_timeout = 2 * RESET);
    assert_eq!((change.half_open_in, bench.core.state()), (None, State::HalfOpen));
}

#[test]
fn other_settings_leave_the_open_time_as_it_is() {
    let mut bench = Bench::new(BreakerSettings::default());
    bench.open();
    bench.advance(10 * SECOND);
    let until = bench.core.poll_timeout();
    let change = reconfigure(&mut bench, |to| (to.fail_max, to.failures) = (3, Some(7)));
    assert_eq!((change.half_open_in, change.epoch), (None, None));
    assert_eq!((bench.core.poll_timeout(), bench.core.epoch()), (until, 1));
}

#[test]
fn the_open_time_keeps_its_growth() {
    let growing = BreakerSettings { reset_backoff: 2.0, ..Default::default() };
    let mut bench = Bench::new(growing);
    bench.open();
    bench.advance(RESET);
    for open_time in [60, 120] {
        fail(&mut bench, 1);
        assert_eq!(bench.core.open_time(), open_time * SECOND);
        bench.advance(open_time * SECOND);
    }
    fail(&mut bench, 1);
    reconfigure(&mut bench, |to| to.reset_timeout = 10 * SECOND);
    assert_eq!(bench.core.open_time(), 80 * SECOND, "reopened three times");
    reconfigure(&mut bench, |to| to.reset_max = 50 * SECOND);
    assert_eq!(bench.core.open_time(), 50 * SECOND);
    reconfigure(&mut bench, |to| (to.reset_backoff, to.reset_max) = (1.5, RESET * 100));
    assert_eq!(bench.core.open_time(), Duration::from_millis(33_750));
    bench.advance(Duration::from_millis(33_750));
    let trial = bench.acquire();
    bench.report(trial, Report::Success);
    assert_eq!((bench.core.state(), bench.core.open_time()), (State::Closed, 10 * SECOND));
}

// ---- half-open -------------------------------------------------------------------------------------

#[test]
fn trials_that_suffice_for_a_lower_success_threshold_close_the_circuit_at_once() {
    let mut bench = Bench::with_trials(2, 3);
    bench.half_open();
    for _ in 0..2 {
        let trial = bench.acquire();
        bench.report(trial, Report::Success);
    }
    let change = reconfigure(&mut bench, |to| to.success_threshold = 2);
    assert_eq!((change.epoch, bench.core.state()), (None, State::Closed));
    assert_eq!(
        line(&bench.transitions()[2]),
        "circuit_breaker: half-open -> closed (2 trials succeeded)"
    );
}

#[test]
fn trials_in_flight_and_successes_count_towards_a_higher_success_threshold() {
    let mut bench = Bench::with_trials(3, 2);
    bench.half_open();
    let [first, second, third] = [(); 3].map(|()| bench.acquire());
    bench.report(first, Report::Success);
    reconfigure(&mut bench, |to| (to.success_threshold, to.half_open_max_calls) = (3, 1));
    assert_eq!(bench.core.trials(), (2, 1));
    bench.report(second, Report::Success);
    let rejection = bench.core.acquire(bench.now).unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::TrialLimit, "one is in flight, and one may be");
    bench.report(third, Report::Success);
    assert_eq!(bench.core.state(), State::Closed);
}

#[test]
fn more_trials_are_admitted_at_once() {
    let mut bench = Bench::with_trials(1, 9);
    bench.half_open();
    bench.acquire();
    reconfigure(&mut bench, |to| to.half_open_max_calls = 2);
    bench.acquire();
    assert_eq!(bench.core.trials().0, 2);
}

#[test]
fn a_trial_keeps_its_lease_and_later_ones_get_the_new_one() {
    let mut bench = Bench::with_trials(2, 9);
    bench.half_open();
    let began = bench.now;
    let first = bench.acquire();
    reconfigure(&mut bench, |to| to.trial_lease = SECOND);
    assert_eq!(bench.core.poll_timeout(), Some(began + LEASE));
    bench.acquire();
    assert_eq!(bench.core.poll_timeout(), Some(began + SECOND));
    bench.report(first, Report::Neutral);
    bench.advance(SECOND);
    let lease = "trial did not report within its lease of 1.0s";
    assert!(line(&bench.transitions()[2]).contains(lease));
}

#[test]
fn a_trial_keeps_the_time_after_which_it_is_slow() {
    let mut bench = Bench::new(windowed());
    fail(&mut bench, 10);
    bench.advance(RESET);
    let trial = bench.acquire();
    reconfigure(&mut bench, |to| (to.slow_call, to.slow_rate) = (None, None));
    bench.report(trial, Report::Slow(CountersAt::start(bench.now)));
    assert!(line(&bench.transitions()[2]).contains("trial failed: took over 1s"));
}

// ---- by hand ---------------------------------------------------------------------------------------

#[test]
fn a_mode_stays_and_the_settings_are_those_of_its_end() {
    for mode in [Mode::ForcedOpen, Mode::Disabled] {
        let mut bench = Bench::new(windowed());
        bench.core.set_mode(bench.now, mode);
        let change = reconfigure(&mut bench, |to| {
            (to.fail_max, to.window) = (1, Window::Time(SECOND));
            to.reset_timeout = 7 * SECOND;
        });
        assert_eq!((change.epoch, change.half_open_in), (None, None));
        assert_eq!((bench.core.mode(), bench.core.poll_timeout()), (mode, None));
        if mode == Mode::ForcedOpen {
            let rejection = Rejection::new(RejectionKind::CircuitOpen, 7 * SECOND);
            assert_eq!(bench.core.acquire(bench.now), Err(rejection));
        }
        bench.core.set_mode(bench.now, Mode::Auto);
        fail(&mut bench, 1);
        let opening = bench.transitions().pop().unwrap();
        assert_eq!(opening.half_open_in, Some(7 * SECOND));
    }
}

// ---- published -------------------------------------------------------------------------------------

#[test]
fn a_call_of_an_older_epoch_does_not_move_the_slices_of_the_new_windows() {
    let mut settings =
        BreakerSettings { window: Window::Time(SECOND), failures: Some(9), ..Default::default() };
    let start = Bench::new(settings.clone()).now;
    let published = Published::new(&config(settings.clone()), start);
    let at = start + 60 * SECOND;
    assert!(published.begin_slice(0, at).is_some_and(|moment| moment.last_slice == 0));
    assert_eq!(published.enter_slice(0, at).last_slice, 600);

    settings.window = Window::Time(60 * SECOND);
    published.in_force.put(&config(settings));
    // Between the two, a call of the old epoch takes the new length for the old epoch's.
    published.enter_slice(0, at);
    published.publish(1, Phase::Closed, || ());
    assert_eq!(published.look(at).last_slice, 0, "new windows, new slices");
    published.enter_slice(0, at + 600 * SECOND);
    assert_eq!(published.begin_slice(0, at + 600 * SECOND), None);
    assert_eq!(published.look(at).last_slice, 0);
    let began = published.begin_slice(1, at);
    assert_eq!(began.map(|moment| moment.last_slice), Some(0), "its first success is told");
    assert_eq!(published.look(at).last_slice, 10);
    assert_eq!(published.begin_slice(1, at), None);
}

#[test]
fn the_line_names_each_setting_that_has_changed() {
    let change = Reconfigured {
        before: config(BreakerSettings::default()),
        after: config(BreakerSettings {
            fail_max: 3,
            streak_max_age: Some(SECOND / 2),
            failure_rate: Some(0.5),
            failures: Some(7),
            window: Window::Time(60 * SECOND),
            min_calls: 10,
            slow_call: Some(2 * SECOND),
            slow_rate: Some(0.25),
            reset_timeout: 10 * SECOND,
            reset_backoff: 1.5,
            reset_max: 60 * SECOND,
            half_open_max_calls: 4,
            success_threshold: 2,
            trial_lease: 6 * SECOND,
        }),
        epoch: Some(4),
        half_open_in: Some(Duration::from_millis(2_340)),
    };
    assert_eq!(
        change.to_string(),
        "circuit_breaker: reconfigured (fail_max 5 -> 3, streak_max_age none -> 0.5, failure_rate \
         none -> 0.5, failures none -> 7, window 100 calls -> 60 s, min_calls 20 -> 10, slow_call \
         none -> 2, slow_rate none -> 0.25, reset_timeout 30 -> 10, reset_backoff 1 -> 1.5, \
         reset_max 2592000 -> 60, half_open_max_calls 1 -> 4, success_threshold 1 -> 2, \
         trial_lease 5 -> 6; windows begin empty; half-open in 2.3s)"
    );
}
