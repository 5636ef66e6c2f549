//! An open circuit: its open time.

use super::*;

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
    reconfigure(&mut bench, |to| to.reset_timeout = 20 * SECOND);
    assert_eq!(bench.core.open_time(), 20 * SECOND, "closing ends the growth");
}
