//! A half-open circuit: its trials.

use super::*;

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
    bench.acquire();
    reconfigure(&mut bench, |to| to.trial_lease = SECOND);
    assert_eq!(bench.core.poll_timeout(), Some(began + LEASE));
    let second = bench.acquire();
    assert_eq!(bench.core.poll_timeout(), Some(began + SECOND));
    bench.report(second, Report::Neutral);
    bench.advance(LEASE);
    let lease = "trial did not report within its lease of 5.0s";
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
