//! What the result of a request means.

use std::{
    convert::Infallible,
    future::Ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::future::poll_immediate;
use resilience_actors::{
    Breaker, CallError, CallOptions, Concurrency, Outcome, State, Upstream, Verdict,
    adapters::tower::{Classify, ResilienceLayer},
};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::{
    lab::{Lab, Request, good},
    support::{fail_counter, now, pass, paused, secs},
};

fn opens_after(failures: u32) -> Lab {
    let breaker = Breaker::consecutive(failures);
    Lab::new(
        Upstream::builder("test")
            .breaker(breaker)
            .concurrency(Concurrency::at_most(1))
            .timeout(secs(3.0)),
    )
}

/// Number of failures in a row.
async fn failures(lab: &Lab) -> u32 {
    fail_counter(lab.upstream.breaker().unwrap()).await
}

#[test]
fn the_classifier_decides_what_counts() {
    paused(async {
        let lab = opens_after(9);
        for (outcome, count) in [
            (Outcome::ServerError, 1),
            (Outcome::Throttled, 1),
            (Outcome::Unreachable, 2),
            (Outcome::ClientError, 0),
        ] {
            match lab.call(Request::that(outcome)).await {
                Ok(answer) => assert_eq!(answer, outcome),
                Err(error) => assert!(
                    matches!(error, CallError::Transport("connection refused")),
                    "{error:?}"
                ),
            }
            assert_eq!(failures(&lab).await, count, "{outcome:?}");
        }
    });
}

#[test]
fn by_default_an_error_is_a_failure_and_all_else_a_success() {
    paused(async {
        let upstream = Upstream::builder("test").breaker(Breaker::consecutive(2)).start().unwrap();
        let answer = async |good: bool| if good { Ok("good") } else { Err("bad") };
        let service = ResilienceLayer::new(&upstream).unwrap().layer(service_fn(answer));
        let count = || fail_counter(upstream.breaker().unwrap());
        let call = |good| service.clone().oneshot(good);
        assert!(matches!(call(false).await, Err(CallError::Transport("bad"))));
        assert_eq!(count().await, 1);
        assert_eq!(call(true).await.unwrap(), "good");
        assert_eq!(count().await, 0);
    });
}

#[test]
fn a_closure_can_classify() {
    paused(async {
        let upstream = Upstream::builder("test").breaker(Breaker::consecutive(1)).start().unwrap();
        let layer = ResilienceLayer::new(&upstream).unwrap().classify(
            |result: &Result<u16, Infallible>| match result {
                Ok(500..) => Outcome::ServerError,
                Ok(_) => Outcome::Success,
                Err(never) => match *never {},
            },
        );
        let service = layer.layer(service_fn(async |status| Ok::<u16, Infallible>(status)));
        assert_eq!(service.clone().oneshot(204).await.unwrap(), 204);
        assert_eq!(upstream.state(), State::Closed);
        assert_eq!(service.oneshot(502).await.unwrap(), 502);
        assert_eq!(upstream.state(), State::Open);
    });
}

#[test]
fn a_panic_of_the_service_is_contained_and_a_failure() {
    paused(async {
        let lab = opens_after(2);
        for _ in 0..2 {
            let answer = lab.call(Request::that(Outcome::Panicked)).await;
            assert!(matches!(answer, Err(CallError::Panicked)), "{answer:?}");
        }
        assert_eq!((lab.upstream.state(), lab.in_flight_and_queued()), (State::Open, (0, 0)));
    });
}

#[test]
fn a_panic_of_the_classifier_is_contained_and_a_failure() {
    paused(async {
        let upstream = Upstream::builder("test").breaker(Breaker::consecutive(1)).start().unwrap();
        let layer = ResilienceLayer::new(&upstream).unwrap();
        let layer = layer.classify(|_: &Result<(), Infallible>| -> Outcome {
            std::panic::resume_unwind(Box::new("no idea"))
        });
        let service = layer.layer(service_fn(async |()| Ok::<_, Infallible>(())));
        assert!(matches!(service.oneshot(()).await, Err(CallError::Panicked)));
        assert_eq!(upstream.state(), State::Open);
    });
}

#[test]
fn options_that_panic_are_the_default_ones() {
    struct Unsure;

    impl Classify<(), (), Infallible> for Unsure {
        fn classify(&self, _: &Result<(), Infallible>) -> Verdict {
            Outcome::Success.into()
        }

        fn options(&self, (): &()) -> CallOptions {
            std::panic::resume_unwind(Box::new("no idea"))
        }
    }

    paused(async {
        let layer = ResilienceLayer::new(&Upstream::builder("test").start().unwrap()).unwrap();
        let service = layer.classify(Unsure).layer(service_fn(async |()| Ok::<_, Infallible>(())));
        assert!(service.oneshot(()).await.is_ok());
    });
}

#[test]
fn a_service_that_hangs_fails_at_the_timeout() {
    paused(async {
        let (lab, began) = (opens_after(1), now());
        let answer = lab.call(good().takes(secs(60.0))).await;
        assert!(matches!(answer, Err(CallError::TimedOut(time)) if time == secs(3.0)));
        assert!((3.0..3.01).contains(&(now() - began).as_secs_f64()));
        assert_eq!((lab.upstream.state(), lab.in_flight_and_queued()), (State::Open, (0, 0)));
    });
}

#[test]
fn a_request_that_times_out_is_dropped_before_its_place_is_free() {
    /// Notes how many places were in use when it was dropped.
    struct Request(Upstream, Arc<AtomicUsize>);

    impl Drop for Request {
        fn drop(&mut self) {
            let in_flight = self.0.concurrency().unwrap().snapshot().in_flight;
            self.1.store(in_flight, Ordering::Relaxed);
        }
    }

    paused(async {
        let (upstream, in_flight) = (opens_after(1).upstream, Arc::<AtomicUsize>::default());
        let layer = ResilienceLayer::new(&upstream).unwrap();
        let service = layer.layer(service_fn(async |_request: Request| {
            std::future::pending::<Result<(), Infallible>>().await
        }));
        let answer = service.oneshot(Request(upstream, Arc::clone(&in_flight))).await;
        assert!(matches!(answer, Err(CallError::TimedOut(_))));
        assert_eq!(in_flight.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn the_callers_deadline_ends_the_attempt_and_says_nothing_about_the_upstream() {
    paused(async {
        let lab = opens_after(1);
        let within = |time| good().takes(secs(2.0)).says(CallOptions::new().time_left(time));
        let answer = lab.call(within(secs(1.0))).await;
        assert!(matches!(answer, Err(CallError::DeadlineExceeded(time)) if time == secs(1.0)));
        let answer = lab.call(within(secs(0.0))).await;
        assert!(matches!(answer, Err(CallError::DeadlineExceeded(time)) if time.is_zero()));
        assert_eq!((lab.seen(), lab.upstream.state()), (1, State::Closed));
        assert_eq!(failures(&lab).await, 0);
    });
}

#[test]
fn a_service_that_is_slow_counts_while_it_is_in_flight() {
    paused(async {
        let breaker = Breaker::slow_rate(1.0, secs(1.0)).over_calls(10).at_least(1);
        let lab = Lab::new(Upstream::builder("test").breaker(breaker));
        let slow = tokio::spawn(lab.call(good().takes(secs(9.0))));
        pass(secs(1.1)).await;
        assert_eq!(lab.upstream.state(), State::Open);
        assert!(slow.await.unwrap().is_ok());
    });
}

/// A service that is never ready: it waits, or fails with this error.
#[derive(Clone)]
struct Unready(Option<&'static str>);

impl Service<()> for Unready {
    type Response = ();
    type Error = &'static str;
    type Future = Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0.map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        panic!("it is not ready");
    }
}

#[test]
fn the_layer_is_ready_when_the_service_is() {
    paused(async {
        let upstream = Upstream::builder("test").breaker(Breaker::consecutive(1)).start().unwrap();
        let layer = ResilienceLayer::new(&upstream).unwrap();
        let mut waits = layer.layer(Unready(None));
        assert!(poll_immediate(waits.ready()).await.is_none());
        let mut broken = layer.layer(Unready(Some("closed")));
        assert!(matches!(broken.ready().await, Err(CallError::Transport("closed"))));
        assert_eq!(upstream.state(), State::Closed, "no attempt was made");
    });
}
