//! States, timers, and the end of the actor.

use std::time::Duration;

use actix::prelude::*;
use futures::poll;
use resilience_actors::{
    Breaker, BreakerConfig, BreakerSettings, BreakerStopped, CircuitOpened, Mode, Rejection,
    RejectionKind, State,
};

use crate::support::{breaker, closed, fail, half_open, pass, paused, secs};

const RESET: Duration = Duration::from_secs(30);

#[test]
fn the_fifth_failure_is_published_before_its_report_returns() {
    paused(async {
        let breaker = closed();
        fail(&breaker, 4).await;
        assert_eq!(breaker.state(), State::Closed);
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_report_counts_even_if_its_sender_does_not_wait_for_it() {
    paused(async {
        let settings = BreakerSettings { success_threshold: 2, ..Default::default() };
        let breaker = breaker(settings);
        half_open(&breaker).await;
        for state in [State::HalfOpen, State::Closed] {
            let trial = breaker.admit().await.expect("the one trial is free");
            assert!(
                poll!(Box::pin(trial.success())).is_pending(),
                "the report is sent, its future dropped"
            );
            pass(secs(0.0)).await;
            assert_eq!(breaker.state(), state);
        }
    });
}

#[test]
fn a_success_between_failures_restarts_the_count_without_a_message() {
    paused(async {
        let breaker = closed();
        fail(&breaker, 4).await;
        breaker.admit().await.unwrap().success().await;
        assert_eq!(breaker.inspect().await.unwrap().fail_counter, 0);
        fail(&breaker, 4).await;
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.inspect().await.unwrap().fail_counter, 4);
    });
}

#[test]
fn a_rejection_says_how_long_the_circuit_stays_open() {
    paused(async {
        let breaker = closed();
        fail(&breaker, 5).await;
        pass(secs(10.0)).await;
        let rejection = breaker.admit().await.unwrap_err();
        assert_eq!(rejection, Rejection::new(RejectionKind::CircuitOpen, secs(20.0)));
        assert_eq!(breaker.inspect().await.unwrap().half_open_in, Some(secs(20.0)));
    });
}

#[test]
fn the_timer_message_alone_moves_open_to_half_open() {
    paused(async {
        let breaker = closed();
        fail(&breaker, 5).await;
        pass(RESET - secs(0.001)).await;
        assert_eq!(breaker.state(), State::Open);
        // No call, no message: only time.
        pass(secs(0.001)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

/// On real threads, with the real clock. The breaker's own thread is blocked, so its timer is late.
#[test]
fn the_first_call_after_the_open_time_finds_half_open_if_the_timer_is_late() {
    actix_rt::System::new().block_on(async {
        let reset_timeout = Duration::from_millis(300);
        let settings = BreakerSettings { fail_max: 1, reset_timeout, ..Default::default() };
        let home = actix_rt::Arbiter::new();
        let config = BreakerConfig::try_from(settings).unwrap();
        let breaker = Breaker::start_on(config, &home.handle());
        fail(&breaker, 1).await;
        let (release, held) = std::sync::mpsc::channel::<()>();
        home.spawn_fn(move || held.recv().unwrap());
        tokio::time::sleep(reset_timeout).await;
        assert_eq!(breaker.state(), State::Open, "the timer has not run");
        let mut asking = Box::pin(breaker.admit());
        assert!(futures::poll!(&mut asking).is_pending(), "the actor decides");
        release.send(()).unwrap();
        assert!(asking.await.unwrap().is_trial());
    });
}

#[test]
fn results_of_calls_in_flight_at_a_manual_reset_do_not_count() {
    paused(async {
        let settings = BreakerSettings { fail_max: 1, ..Default::default() };
        let breaker = breaker(settings);
        let early = breaker.admit().await.unwrap();
        breaker.reset().await.unwrap();
        early.failure("status 500").await;
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.state, seen.epoch, seen.fail_counter), (State::Closed, 1, 0));

        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
        breaker.reset().await.unwrap();
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn handles_learn_that_the_actor_has_ended() {
    let (breaker, watcher) = paused(async {
        let breaker = closed();
        assert!(futures::poll!(Box::pin(breaker.stopped())).is_pending());
        (breaker.clone(), breaker)
    });
    // The actor has ended with its system.
    paused(async move {
        watcher.stopped().await;
        assert_eq!(breaker.inspect().await, Err(BreakerStopped));
    });
}

#[test]
fn a_breaker_whose_actor_is_gone_returns_an_error() {
    struct Subscriber;
    impl Actor for Subscriber {
        type Context = Context<Self>;
    }
    impl Handler<CircuitOpened> for Subscriber {
        type Result = ();
        fn handle(&mut self, _: CircuitOpened, _: &mut Context<Self>) {}
    }
    let breaker = paused(async { closed() });
    paused(async move {
        breaker.stopped().await;
        assert_eq!(breaker.force_open().await, Err(BreakerStopped));
        assert_eq!(breaker.disable().await, Err(BreakerStopped));
        assert_eq!(breaker.enable().await, Err(BreakerStopped));
        assert_eq!(breaker.reset().await, Err(BreakerStopped));
        let config = BreakerConfig::default();
        assert_eq!(breaker.reconfigure(config).await, Err(BreakerStopped));
        assert_eq!(breaker.subscribe(&Subscriber.start().recipient()), Err(BreakerStopped));
        assert_eq!((breaker.state(), breaker.mode()), (State::Closed, Mode::Auto));
    });
}

#[test]
fn the_snapshot_serialises_with_its_settings_in_seconds() {
    paused(async {
        let breaker = closed();
        fail(&breaker, 5).await;
        let seen = serde_json::to_value(breaker.inspect().await.unwrap()).unwrap();
        assert_eq!(
            seen,
            serde_json::json!({
                "state": "open", "mode": "auto", "epoch": 1, "fail_counter": 5, "open_count": 1,
                "current_failure_rate": null, "current_slow_rate": null, "buffered_calls": 0,
                "failed_calls": 0, "slow_calls": 0, "open_time": 30.0,
                "half_open_in": 30.0, "trials_in_flight": 0, "trials_succeeded": 0,
                "fail_max": 5, "streak_max_age": null, "failure_rate": null, "failures": null,
                "window": { "calls": 100 }, "min_calls": 20, "slow_call": null, "slow_rate": null,
                "reset_timeout": 30.0, "reset_backoff": 1.0, "reset_max": 2_592_000.0,
                "half_open_max_calls": 1, "success_threshold": 1, "trial_lease": 5.0,
            })
        );
    });
}
