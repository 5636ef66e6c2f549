//! A closed circuit: thresholds, and windows.

use super::*;

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
        let failure = Failure { at: bench.now, sent, ..failure };
        bench.report(ticket, Report::Failure(failure));
    }
    reconfigure(&mut bench, |settings| settings.streak_max_age = Some(4 * SECOND));
    assert_eq!(bench.fail_counter(0), 4);
    reconfigure(&mut bench, |settings| settings.streak_max_age = Some(3 * SECOND));
    assert_eq!(bench.fail_counter(0), 2);
    reconfigure(&mut bench, |settings| settings.streak_max_age = None);
    assert_eq!(bench.fail_counter(0), 2, "what has ended does not come back");
}

fn fail_after_two(bench: &mut Bench) {
    let ticket = bench.acquire();
    bench.report(ticket, failure(2));
}

fn slow_after_two(bench: &mut Bench) {
    let ticket = bench.acquire();
    let slow = CountersAt { successes: 2, not_slow: 2, ..CountersAt::start(bench.now) };
    bench.report(ticket, Report::Slow(slow));
}

#[test]
fn windows_stay_and_lower_thresholds_act_at_the_next_report() {
    type Case = (&'static str, fn(&mut BreakerSettings), fn(&mut Bench));
    let cases: [Case; 4] = [
        ("6 of the last 20 calls failed", |to| to.failures = Some(5), fail_after_two),
        (
            "75 % of the last 8 calls failed",
            |to| (to.failure_rate, to.min_calls) = (Some(0.5), 6),
            fail_after_two,
        ),
        (
            "75 % of the last 8 calls took over 1s",
            |to| (to.slow_rate, to.min_calls) = (Some(0.6), 6),
            slow_after_two,
        ),
        ("6 consecutive failures", |to| to.fail_max = 6, fail_after_two),
    ];
    for (reason, change, next) in cases {
        let mut bench = Bench::new(windowed());
        (0..5).for_each(|_| fail_after_two(&mut bench));
        (0..5).for_each(|_| slow_after_two(&mut bench));
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
