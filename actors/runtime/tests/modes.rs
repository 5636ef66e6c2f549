//! A circuit that is forced open or disabled, with calls in flight and waiting.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::time::Duration;

use resilience_actors::{Mode, Outcome, Rejection, RejectionKind, State};
use support::{answer, closed, exact, fail, half_open, pass, paused, scripted, secs};

const RESET: Duration = Duration::from_secs(30);

#[test]
fn force_open_is_published_before_it_returns_and_no_timer_ends_it() {
    paused(async {
        let breaker = closed();
        breaker.force_open().await.unwrap();
        for _ in 0..3 {
            assert_eq!((breaker.state(), breaker.mode()), (State::Open, Mode::ForcedOpen));
            let rejection = breaker.admit().await.unwrap_err();
            assert_eq!(rejection, Rejection::new(RejectionKind::CircuitOpen, RESET));
            pass(RESET * 10).await;
        }
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.mode, seen.half_open_in), (Mode::ForcedOpen, None));
        assert_eq!((seen.epoch, seen.open_count, seen.fail_counter), (1, 1, 0));
        assert_eq!(serde_json::to_value(seen).unwrap()["mode"], "forced-open");
    });
}

#[test]
fn a_circuit_forced_open_while_open_does_not_half_open_after_the_open_time() {
    paused(async {
        let breaker = closed();
        fail(&breaker, 5).await;
        pass(secs(10.0)).await;
        breaker.force_open().await.unwrap();
        pass(RESET).await;
        assert_eq!((breaker.state(), breaker.mode()), (State::Open, Mode::ForcedOpen));
        assert_eq!(breaker.inspect().await.unwrap().open_count, 1);
    });
}

#[test]
fn disabled_lets_every_call_pass_and_no_failure_opens_it() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::ServerError)], exact());
        fail(&breaker, 5).await;
        breaker.disable().await.unwrap();
        assert_eq!((breaker.state(), breaker.mode()), (State::Closed, Mode::Disabled));
        fail(&breaker, 100).await;
        let report = lab.call().await;
        assert_eq!((report.attempts.len(), report.state), (4, State::Closed));
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.epoch, seen.fail_counter, seen.open_count), (2, 0, 1));
        assert_eq!(breaker.counts().failed, 106);
    });
}

#[test]
fn failures_while_disabled_send_no_message() {
    paused(async {
        let breaker = closed();
        breaker.disable().await.unwrap();
        let permit = breaker.admit().await.unwrap();
        let mut report = Box::pin(permit.failure("status 500"));
        assert!(futures::poll!(&mut report).is_ready());
    });
}

#[test]
fn calls_that_wait_are_answered_when_the_circuit_is_forced_open() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::ServerError)], exact());
        let forcing = async {
            pass(secs(0.5)).await;
            assert_eq!(lab.limit.waiting(), 1);
            breaker.force_open().await.unwrap();
        };
        let (report, ()) = futures::join!(lab.call(), forcing);
        let rejection = report.rejection().unwrap();
        assert_eq!(rejection.kind(), RejectionKind::Released);
        let retry_after = rejection.retry_after();
        assert!((30.0..=33.0).contains(&retry_after.as_secs_f64()), "{retry_after:?}");
        assert_eq!((report.elapsed, report.state), (secs(0.5), State::Open));
        assert_eq!(script.touched(), 1);
    });
}

#[test]
fn an_upstream_that_starts_on_a_circuit_that_is_forced_open_rejects_calls() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::Success)], exact());
        breaker.force_open().await.unwrap();
        let report = lab.call().await;
        assert_eq!(report.rejection().unwrap().kind(), RejectionKind::CircuitOpen);
        let baseline = lab.call_bare().await;
        assert!(baseline.result.is_ok(), "an upstream without a breaker does not ask it");
    });
}

#[test]
fn older_permits_do_not_count_in_the_epoch_that_enable_begins() {
    paused(async {
        let breaker = closed();
        let mut before = Vec::new();
        for _ in 0..9 {
            before.push(breaker.admit().await.unwrap());
        }
        breaker.force_open().await.unwrap();
        breaker.enable().await.unwrap();
        assert_eq!((breaker.state(), breaker.mode()), (State::Closed, Mode::Auto));
        for permit in before {
            permit.failure("status 500").await;
        }
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.state, seen.epoch, seen.fail_counter), (State::Closed, 2, 0));
        // The circuit opens and half-opens by itself again.
        half_open(&breaker).await;
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

#[test]
fn a_trial_that_is_dropped_after_a_change_of_mode_frees_nothing() {
    paused(async {
        let breaker = closed();
        half_open(&breaker).await;
        let trial = breaker.admit().await.unwrap();
        breaker.disable().await.unwrap();
        breaker.reset().await.unwrap();
        half_open(&breaker).await;
        let _new = breaker.admit().await.unwrap();
        drop(trial);
        support::settle().await;
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 1);
    });
}
