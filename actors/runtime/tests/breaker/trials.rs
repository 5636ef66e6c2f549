//! Trials of a half-open circuit, and callers that race for them.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::future::join_all;
use resilience_actors::{Breaker, BreakerConfig, BreakerSettings, RejectionKind, State};

use crate::support::{breaker, closed, fail, half_open, pass, paused, secs};

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
            pass(secs(30.0)).await;
        }
    });
}

#[test]
fn a_trial_that_never_reports_reopens_the_circuit_when_its_lease_ends() {
    paused(async {
        let breaker = closed();
        half_open(&breaker).await;
        let lost = breaker.admit().await.unwrap();
        pass(secs(4.999)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        pass(secs(0.001)).await;
        assert_eq!(breaker.state(), State::Open);
        lost.success().await;
        assert_eq!(breaker.state(), State::Open);
        pass(secs(30.0)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
    });
}

#[test]
fn a_dropped_permit_and_a_dropped_reply_give_the_trial_back() {
    paused(async {
        let breaker = closed();
        half_open(&breaker).await;

        drop(breaker.admit().await.unwrap());
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);

        // A caller that leaves while the breaker's reply is on its way.
        let mut asking = Box::pin(breaker.admit());
        assert!(futures::poll!(&mut asking).is_pending());
        tokio::task::yield_now().await;
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 1, "the reply is sent");
        drop(asking);
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);
        assert!(breaker.admit().await.is_ok());
    });
}

#[test]
fn callers_that_race_into_half_open_get_no_more_than_the_permits() {
    paused(async {
        let settings = BreakerSettings { half_open_max_calls: 3, ..Default::default() };
        let breaker = breaker(settings);
        half_open(&breaker).await;
        let admitted = join_all((0..1_000).map(|_| breaker.admit())).await;
        assert_eq!(admitted.iter().filter(|admitted| admitted.is_ok()).count(), 3);
    });
}

/// On real threads, with the real clock.
#[test]
fn callers_that_race_on_many_threads_get_no_more_than_the_permits() {
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
        let mut finished = Vec::new();
        for thread in &threads {
            let (done, is_done) = tokio::sync::oneshot::channel();
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
                done.send(()).unwrap();
            });
            finished.push(is_done);
        }
        for is_done in finished {
            is_done.await.unwrap();
        }
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?} at a time");
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.trials_in_flight, seen.trials_succeeded), (0, 2_000));
    });
}
