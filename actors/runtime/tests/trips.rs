//! When a circuit opens, and for how long: each trip through the actor.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

mod support;

use std::time::Duration;

use actix::prelude::*;
use resilience_actors::{
    Breaker, BreakerConfig, BreakerSettings, BreakerSnapshot, CircuitOpened, Event, EventKind,
    Permit, Rejection, RejectionKind, State,
};
use support::{breaker, fail, pass, paused, secs, settle, succeed};

/// The permit of a call in flight that is slow already.
async fn slow(breaker: &Breaker) -> Permit<'_> {
    let mut permit = breaker.admit().await.expect("admitted");
    permit.slow();
    settle().await;
    permit
}

async fn seen(breaker: &Breaker) -> BreakerSnapshot {
    breaker.inspect().await.unwrap()
}

/// The reason of the last transition.
fn reason(breaker: &Breaker) -> String {
    let is_transition = |event: &Event| matches!(event.kind, EventKind::Transition { .. });
    match &breaker.events().last(1, is_transition)[0].kind {
        EventKind::Transition { cause, .. } => cause.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failure_rate_of_half_opens_and_a_lower_one_does_not() {
    paused(async {
        let breaker = breaker(Breaker::failure_rate(0.5).over_calls(10).at_least(4));
        fail(&breaker, 3).await;
        assert_eq!(breaker.state(), State::Closed, "too few calls");
        succeed(&breaker, 7).await;
        let now = seen(&breaker).await;
        assert_eq!((now.current_failure_rate, now.buffered_calls), (Some(0.3), 10));
        // Each new result pushes the oldest one out of the window, first the three failures.
        fail(&breaker, 4).await;
        assert_eq!(breaker.state(), State::Closed);
        let now = seen(&breaker).await;
        assert_eq!((now.current_failure_rate, now.failed_calls), (Some(0.4), 4));
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(reason(&breaker), "50 % of the last 10 calls failed, last: status 500");
    });
}

#[test]
fn a_failure_rate_over_a_time_window_ignores_older_calls() {
    paused(async {
        let breaker = breaker(Breaker::failure_rate(0.6).over(secs(10.0)).at_least(5));
        fail(&breaker, 4).await;
        pass(secs(10.0)).await;
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Closed, "four have left the window");
        succeed(&breaker, 4).await;
        let now = seen(&breaker).await;
        assert_eq!((now.current_failure_rate, now.buffered_calls), (Some(0.2), 5));
        pass(secs(5.0)).await;
        succeed(&breaker, 1).await;
        fail(&breaker, 4).await;
        assert_eq!(breaker.state(), State::Closed, "5 of 10");
        pass(secs(5.0)).await;
        // One success and five failures are left in the window. Four successes have left it.
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(reason(&breaker), "83 % of 6 calls in 10.0s failed, last: status 500");
    });
}

#[test]
fn an_outage_opens_when_earlier_successes_leave_the_window() {
    paused(async {
        let breaker = breaker(Breaker::failure_rate(0.5).over(secs(10.0)).at_least(5));
        succeed(&breaker, 1_000).await;
        let mut failing = 0;
        while breaker.state() == State::Closed {
            pass(secs(1.0)).await;
            fail(&breaker, 1).await;
            failing += 1;
            assert!(failing < 20, "the circuit opens");
        }
        assert_eq!(failing, 10, "the slice of the successes has left the window");
    });
}

#[test]
fn hanging_calls_open_the_circuit_before_any_of_them_ends() {
    paused(async {
        let settings = Breaker::slow_rate(0.5, secs(0.5)).over_calls(10).at_least(4);
        let breaker = breaker(settings);
        assert_eq!(breaker.slow_after(), Some(secs(0.5)));
        succeed(&breaker, 2).await;
        let _first = slow(&breaker).await;
        assert_eq!(breaker.state(), State::Closed);
        let _second = slow(&breaker).await;
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(reason(&breaker), "50 % of the last 4 calls took over 0.5s");
    });
}

#[test]
fn a_slow_call_counts_once_however_it_ends() {
    paused(async {
        let settings = Breaker::slow_rate(1.0, secs(0.5)).or_failure_rate(1.0).at_least(10);
        let breaker = breaker(settings);
        succeed(&breaker, 1).await;
        slow(&breaker).await.success().await;
        slow(&breaker).await.failure("status 500").await;
        slow(&breaker).await.neutral().await;
        drop(slow(&breaker).await);
        let mut twice = slow(&breaker).await;
        twice.slow();
        fail(&breaker, 4).await;
        // Five slow calls, a success and four failures that were not slow.
        let now = seen(&breaker).await;
        assert_eq!((now.slow_calls, now.current_slow_rate), (5, Some(0.5)));
        // Two successes and five failures have ended with a result.
        assert_eq!((now.failed_calls, now.current_failure_rate), (5, None));
        assert_eq!(breaker.counts().successful, 2);
    });
}

#[test]
fn a_slow_success_ends_a_streak() {
    paused(async {
        let breaker = breaker(Breaker::slow_rate(1.0, secs(0.5)).or_consecutive(3));
        let hanging = slow(&breaker).await;
        fail(&breaker, 2).await;
        hanging.success().await;
        fail(&breaker, 2).await;
        assert_eq!((breaker.state(), seen(&breaker).await.fail_counter), (State::Closed, 2));
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(reason(&breaker), "3 consecutive failures, last: status 500");
    });
}

#[test]
fn a_slow_trial_is_a_failed_trial() {
    paused(async {
        let settings = Breaker::slow_rate(0.5, secs(0.5)).over_calls(2).at_least(1);
        let breaker = breaker(settings);
        let old = slow(&breaker).await;
        assert_eq!(breaker.state(), State::Open);
        pass(secs(30.0)).await;
        let trial = slow(&breaker).await;
        assert!(trial.is_trial());
        assert_eq!(breaker.state(), State::Open);
        assert_eq!(reason(&breaker), "trial failed: took over 0.5s");
        trial.success().await;
        old.failure("status 500").await;
        assert_eq!(breaker.state(), State::Open, "their epochs are over");
        breaker.reset().await.unwrap();
        let now = seen(&breaker).await;
        assert_eq!((now.slow_calls, now.failed_calls, now.buffered_calls), (0, 0, 0));
    });
}

#[test]
fn no_call_is_slow_without_a_slow_rate() {
    paused(async {
        let breaker = breaker(BreakerSettings::default());
        assert_eq!(breaker.slow_after(), None);
        slow(&breaker).await.success().await;
        let now = seen(&breaker).await;
        assert_eq!((now.slow_calls, now.current_slow_rate, now.state), (0, None, State::Closed));
    });
}

#[test]
fn failures_further_apart_than_the_maximum_age_are_no_streak() {
    paused(async {
        let breaker = breaker(Breaker::consecutive(3).max_age(secs(10.0)));
        fail(&breaker, 2).await;
        pass(secs(10.1)).await;
        assert_eq!(seen(&breaker).await.fail_counter, 0, "the next failure begins a streak");
        fail(&breaker, 2).await;
        assert_eq!((breaker.state(), seen(&breaker).await.fail_counter), (State::Closed, 2));
        pass(secs(10.0)).await;
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn the_first_of_several_trips_opens() {
    paused(async {
        let settings = Breaker::failure_rate(0.5).at_least(100).or_consecutive(3);
        let breaker = breaker(settings);
        fail(&breaker, 3).await;
        assert_eq!(reason(&breaker), "3 consecutive failures, last: status 500");
    });
}

#[test]
fn windows_are_empty_after_a_transition() {
    paused(async {
        for settings in [Breaker::failure_rate(0.5), Breaker::failure_rate(0.5).over(secs(60.0))] {
            let breaker = breaker(settings.at_least(3).reset_after(secs(1.0)));
            fail(&breaker, 3).await;
            let now = seen(&breaker).await;
            assert_eq!((now.state, now.buffered_calls), (State::Open, 0));
            pass(secs(1.0)).await;
            succeed(&breaker, 1).await;
            fail(&breaker, 2).await;
            let now = seen(&breaker).await;
            assert_eq!((now.state, now.buffered_calls), (State::Closed, 2));
        }
    });
}

/// Keeps the `retry_after` of each opening.
#[derive(Default)]
struct Openings(std::rc::Rc<std::cell::RefCell<Vec<Duration>>>);

impl Actor for Openings {
    type Context = Context<Self>;
}

impl Handler<CircuitOpened> for Openings {
    type Result = ();

    fn handle(&mut self, opened: CircuitOpened, _: &mut Context<Self>) {
        self.0.borrow_mut().push(opened.retry_after);
    }
}

#[test]
fn the_open_time_grows_with_each_reopening_until_the_circuit_closes() {
    paused(async {
        let settings = Breaker::consecutive(1).reset_after(secs(1.0)).backing_off(2.0, secs(5.0));
        let breaker = breaker(settings);
        let openings = Openings::default();
        let retry_after = std::rc::Rc::clone(&openings.0);
        let subscriber = openings.start().recipient();
        breaker.subscribe(&subscriber).unwrap();
        fail(&breaker, 1).await;
        for open_time in [1.0, 2.0, 4.0, 5.0, 5.0] {
            let now = seen(&breaker).await;
            assert_eq!((now.state, now.open_time), (State::Open, secs(open_time)));
            let rejection = breaker.admit().await.unwrap_err();
            assert_eq!(rejection, Rejection::new(RejectionKind::CircuitOpen, secs(open_time)));
            pass(secs(open_time)).await;
            assert_eq!(reason(&breaker), format!("reset timeout of {open_time:.1}s elapsed"));
            if open_time == 2.0 {
                // A trial that never reports.
                std::mem::forget(breaker.admit().await.unwrap());
                pass(secs(5.0)).await;
            } else {
                fail(&breaker, 1).await;
            }
        }
        pass(secs(5.0)).await;
        succeed(&breaker, 1).await;
        fail(&breaker, 1).await;
        assert_eq!(seen(&breaker).await.open_time, secs(1.0));
        let retry_after: Vec<_> = retry_after.borrow().iter().map(Duration::as_secs_f64).collect();
        assert_eq!(retry_after, [1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 1.0]);
    });
}

#[test]
fn a_success_reported_with_its_instant_begins_a_slice() {
    paused(async {
        let breaker = breaker(Breaker::failure_rate(0.9).over(secs(10.0)).at_least(2));
        for _ in 0..3 {
            pass(secs(1.0)).await;
            breaker.admit().await.unwrap().success_at(support::now()).await;
        }
        pass(secs(9.0)).await;
        fail(&breaker, 1).await;
        let now = seen(&breaker).await;
        assert_eq!((now.current_failure_rate, now.buffered_calls), (Some(0.5), 2));
    });
}

#[test]
fn an_invalid_setting_is_named_in_the_error() {
    let refused = BreakerConfig::try_from(Breaker::failure_rate(1.5)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failure_rate = 1.5 is not valid: expected a number more than 0 and at most 1"
    );
}
