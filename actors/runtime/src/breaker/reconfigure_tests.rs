//! Other settings for a running circuit, in each of its states.

mod by_hand;
mod closed;
mod half_open;
mod open;

use std::time::Duration;

use super::{
    config::{BreakerConfig, BreakerSettings, Window},
    machine_tests::{Bench, LEASE, RESET, failure, line},
    phase::Phase,
    published::Published,
    reconfigured::Reconfigured,
    report::{CountersAt, Failure, Report},
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
