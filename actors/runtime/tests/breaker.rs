//! The breaker's actor: timers, permits in flight, callers who race.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::prelude::*;
use futures::{future::join_all, poll};
use resilience_actors::{
    Breaker, BreakerConfig, BreakerSettings, BreakerStopped, CircuitOpened, Mode, Rejection,
    RejectionKind, State,
};
use support::{breaker, fail, pass, paused, secs};

const RESET: Duration = Duration::from_secs(30);

async fn half_open(breaker: &Breaker) {
    fail(breaker, 5).await;
    pass(RESET).await;
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn the_fifth_failure_is_published_before_its_report_returns() {
    paused(async {
        let breaker = breaker(BreakerSettings::default());
        fail(&breaker, 4).await;
        assert_eq!(breaker.state(), State::Closed);
        fail(&breaker, 1).await;
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_report_that_nobody_waits_for_to_the_end_stands() {
    paused(async {
        let settings = BreakerSettings { success_threshold: 2, ..Default::default() };
        let breaker = breaker(settings);
        half_open(&breaker).await;
        for state in [State::HalfOpen, State::Closed] {
            let trial = breaker.admit().await.expect("the one trial is free");
            assert!(poll!(Box::pin(trial.success())).is_pending(), "begun, and dropped");
            pass(secs(0.0)).await;
            assert_eq!(breaker.state(), state);
        }
    });
}

#[test]
fn a_success_between_failures_restarts_the_count_without_a_message() {
    paused(async {
        let breaker = breaker(BreakerSettings::default());
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
        let breaker = breaker(BreakerSettings::default());
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
        let breaker = breaker(BreakerSettings::default());
        fail(&breaker, 5).await;
        pass(RESET - secs(0.001)).await;
        assert_eq!(breaker.state(), State::Open);
        // No call, no message: only time.
        pass(secs(0.001)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

/// On real threads, with the real clock: the breaker's own thread is held, so its timer is late.
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
        assert!(futures::poll!(&mut asking).is_pending(), "it is the actor's to decide");
        release.send(()).unwrap();
        assert!(asking.await.unwrap().is_trial());
    });
}

#[test]
fn a_fifth_trial_is_rejected_while_four_are_in_flight_and_each_report_frees_one() {
    paused(async {
        let settings = BreakerSettings {
            half_open_max_calls: 4,
            success_threshold: 100,
            ..Default::default()
        };
        let breaker = breaker(settings);
        half_open(&breaker).await;
        for _cycle in 0..2 {
            let mut permits = Vec::new();
            for _ in 0..4 {
                permits.push(breaker.admit().await.unwrap());
            }
            assert!(permits.iter().all(resilience_actors::Permit::is_trial));
            assert_eq!(breaker.admit().await.unwrap_err().kind(), RejectionKind::TrialLimit);
            permits.remove(0).success().await;
            permits.push(breaker.admit().await.unwrap());
            assert!(breaker.admit().await.is_err());
            permits.remove(0).failure("status 500").await;
            assert_eq!(breaker.state(), State::Open);
            drop(permits);
            pass(RESET).await;
        }
    });
}

#[test]
fn a_trial_that_never_reports_reopens_the_circuit_when_its_lease_ends() {
    paused(async {
        let breaker = breaker(BreakerSettings::default());
        half_open(&breaker).await;
        let lost = breaker.admit().await.unwrap();
        pass(secs(4.999)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        pass(secs(0.001)).await;
        assert_eq!(breaker.state(), State::Open);
        lost.success().await;
        assert_eq!(breaker.state(), State::Open);
        pass(RESET).await;
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

#[test]
fn a_dropped_permit_and_a_dropped_reply_give_the_trial_back() {
    paused(async {
        let breaker = breaker(BreakerSettings::default());
        half_open(&breaker).await;

        drop(breaker.admit().await.unwrap());
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);

        // A caller who asks, and leaves while the answer is on its way.
        let mut asking = Box::pin(breaker.admit());
        assert!(futures::poll!(&mut asking).is_pending());
        tokio::task::yield_now().await;
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 1, "the reply is out");
        drop(asking);
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);
        assert!(breaker.admit().await.is_ok());
    });
}

#[test]
fn callers_who_race_into_half_open_get_no_more_than_the_permits() {
    paused(async {
        let settings = BreakerSettings { half_open_max_calls: 3, ..Default::default() };
        let breaker = breaker(settings);
        half_open(&breaker).await;
        let admitted = join_all((0..1_000).map(|_| breaker.admit())).await;
        assert_eq!(admitted.iter().filter(|admitted| admitted.is_ok()).count(), 3);
    });
}

/// On real threads, with the real clock: the limit must hold whatever the interleaving.
#[test]
fn callers_who_race_on_many_threads_get_no_more_than_the_permits() {
    const THREADS: usize = 4;
    actix_rt::System::new().block_on(async {
        let settings = BreakerSettings {
            fail_max: 1,
            reset_timeout: Duration::from_millis(1),
            half_open_max_calls: 3,
            success_threshold: 10_000,
            trial_lease: Duration::from_secs(3600),
            ..Default::default()
        };
        let home = actix_rt::Arbiter::new();
        let config = BreakerConfig::try_from(settings).unwrap();
        let breaker = Breaker::start_on(config, &home.handle());
        fail(&breaker, 1).await;
        while breaker.state() != State::HalfOpen {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (holding, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..THREADS).map(|_| actix_rt::Arbiter::new()).collect();
        let mut done = Vec::new();
        for thread in &threads {
            let (tell, told) = tokio::sync::oneshot::channel();
            let (breaker, holding, most) = (breaker.clone(), holding.clone(), most.clone());
            thread.spawn(async move {
                let mut admitted = 0;
                while admitted < 500 {
                    let Ok(permit) = breaker.admit().await else {
                        tokio::task::yield_now().await;
                        continue;
                    };
                    admitted += 1;
                    most.fetch_max(holding.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    holding.fetch_sub(1, Ordering::SeqCst);
                    permit.success().await;
                }
                tell.send(()).unwrap();
            });
            done.push(told);
        }
        for told in done {
            told.await.unwrap();
        }
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?} at a time");
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.trials_in_flight, seen.trials_succeeded), (0, 2_000));
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
fn everybody_learns_when_the_actor_is_gone() {
    let (breaker, watcher) = paused(async {
        let breaker = breaker(BreakerSettings::default());
        assert!(futures::poll!(Box::pin(breaker.stopped())).is_pending());
        (breaker.clone(), breaker)
    });
    // Its system has ended, and the actor with it.
    paused(async move {
        watcher.stopped().await;
        assert_eq!(breaker.inspect().await, Err(BreakerStopped));
    });
}

#[test]
fn a_breaker_whose_actor_is_gone_says_that_it_was_not_changed() {
    struct Subscriber;
    impl Actor for Subscriber {
        type Context = Context<Self>;
    }
    impl Handler<CircuitOpened> for Subscriber {
        type Result = ();
        fn handle(&mut self, _: CircuitOpened, _: &mut Context<Self>) {}
    }
    let breaker = paused(async { breaker(BreakerSettings::default()) });
    paused(async move {
        breaker.stopped().await;
        assert_eq!(breaker.force_open().await, Err(BreakerStopped));
        assert_eq!(breaker.disable().await, Err(BreakerStopped));
        assert_eq!(breaker.enable().await, Err(BreakerStopped));
        assert_eq!(breaker.reset().await, Err(BreakerStopped));
        assert_eq!(breaker.subscribe(&Subscriber.start().recipient()), Err(BreakerStopped));
        assert_eq!((breaker.state(), breaker.mode()), (State::Closed, Mode::Auto));
    });
}

#[test]
fn the_snapshot_serialises_with_its_settings_in_seconds() {
    paused(async {
        let breaker = breaker(BreakerSettings::default());
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
