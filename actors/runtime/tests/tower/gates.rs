//! What a request passes before it is made.

use futures::future::join_all;
use resilience_actors::{
    Breaker, CallError, CallLimit, CallOptions, Chaos, Concurrency, Hedge, Outcome, Priority,
    QuietPeriod, Rate, RejectionKind, Retry, RetryBudget, State, Throttle, Upstream,
    adapters::tower::ResilienceLayer,
};

use crate::{
    lab::{Lab, Request, bad, good, rejection},
    support::{now, pass, paused, secs, settle},
};

/// An upstream with all gates, whose rate is one request a second.
fn with_all_gates(limit: &CallLimit) -> Lab {
    Lab::new(
        Upstream::builder("test")
            .limit(limit.clone())
            .breaker(Breaker::consecutive(1).reset_after(secs(30.0)))
            .rate(Rate::per_second(1))
            .concurrency(Concurrency::at_most(1)),
    )
}

#[test]
fn the_call_limit_comes_first_and_then_the_breaker_the_rate_and_the_places() {
    paused(async {
        let limit = CallLimit::new(2);
        let lab = with_all_gates(&limit);
        let in_flight = tokio::spawn(lab.call(bad().takes(secs(3.0))));
        settle().await;
        // The second has neither a token nor a place, and leaves its place under the call limit.
        let second = lab.call(good()).await;
        assert_eq!(rejection(&second), Some(RejectionKind::RateLimit));
        pass(secs(1.0)).await;
        // Now it has a token, which goes back as there is no place.
        for _ in 0..3 {
            let third = lab.call(good()).await;
            assert_eq!(rejection(&third), Some(RejectionKind::ConcurrencyLimit));
        }
        assert_eq!(lab.upstream.snapshot().rate.unwrap().available, 1, "no token is spent");
        assert_eq!(in_flight.await.unwrap().unwrap(), Outcome::ServerError);
        assert_eq!(lab.upstream.state(), State::Open);
        assert_eq!(rejection(&lab.call(good()).await), Some(RejectionKind::CircuitOpen));
        let _places = [limit.clone(), limit.clone()].map(|limit| {
            let upstream = Upstream::builder("other").limit(limit).start().unwrap();
            tokio::spawn(Lab::of(&upstream, Default::default()).call(good().takes(secs(9.0))))
        });
        settle().await;
        assert_eq!(rejection(&lab.call(good()).await), Some(RejectionKind::Overloaded));
        assert_eq!(lab.seen(), 1, "no other request has reached the service");
    });
}

#[test]
fn a_request_waits_for_its_token_and_then_for_its_place() {
    paused(async {
        let lab = Lab::new(
            Upstream::builder("test")
                .rate(Rate::per_second(1).wait(secs(2.0)))
                .concurrency(Concurrency::at_most(1).queue(1).wait(secs(9.0))),
        );
        let began = now();
        let first = tokio::spawn(lab.call(good().takes(secs(4.0))));
        let second = tokio::spawn(lab.call(good()));
        pass(secs(0.5)).await;
        assert_eq!(lab.upstream.snapshot().rate.unwrap().waiting, 1);
        assert_eq!(lab.in_flight_and_queued(), (1, 0));
        pass(secs(1.0)).await;
        assert_eq!(lab.in_flight_and_queued(), (1, 1));
        assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
        assert!((4.0..4.01).contains(&(now() - began).as_secs_f64()), "{:?}", now() - began);
        assert_eq!(lab.in_flight_and_queued(), (0, 0));
    });
}

#[test]
fn the_circuit_opens_rejects_and_closes_after_a_trial() {
    paused(async {
        let lab = Lab::new(
            Upstream::builder("test").breaker(Breaker::consecutive(2).reset_after(secs(30.0))),
        );
        for _ in 0..2 {
            assert_eq!(lab.call(bad()).await.unwrap(), Outcome::ServerError);
        }
        let Err(CallError::Rejected(rejected)) = lab.call(good()).await else {
            panic!("the circuit is open")
        };
        assert_eq!(rejected.kind(), RejectionKind::CircuitOpen);
        assert!(rejected.retry_after() >= secs(30.0));
        pass(secs(30.0)).await;
        assert_eq!((lab.upstream.state(), lab.seen()), (State::HalfOpen, 2));
        let trial = tokio::spawn(lab.call(good().takes(secs(1.0))));
        settle().await;
        assert_eq!(rejection(&lab.call(good()).await), Some(RejectionKind::TrialLimit));
        assert!(trial.await.unwrap().is_ok());
        assert_eq!(lab.upstream.state(), State::Closed);
        assert_eq!(
            lab.told.take(),
            [
                "admitted 1",
                "attempt ServerError",
                "call Failure",
                "admitted 1",
                "attempt ServerError",
                "closed -> open",
                "call Failure",
                "rejected by circuit-breaker",
                "call Rejected",
                "open -> half-open",
                "admitted 1",
                "rejected by circuit-breaker",
                "call Rejected",
                "attempt Success",
                "half-open -> closed",
                "call Success"
            ]
        );
    });
}

#[test]
fn requests_in_the_queue_are_rejected_when_the_circuit_opens() {
    paused(async {
        let lab = Lab::new(
            Upstream::builder("test")
                .breaker(Breaker::consecutive(1))
                .concurrency(Concurrency::at_most(1).queue(9).wait(secs(60.0))),
        );
        let opens = tokio::spawn(lab.call(bad().takes(secs(1.0))));
        settle().await;
        let began = now();
        let queued = join_all((0..9).map(|_| lab.call(good()))).await;
        assert!((now() - began).as_secs_f64() < 1.01);
        for answer in &queued {
            assert_eq!(rejection(answer), Some(RejectionKind::CircuitOpen));
        }
        assert!(opens.await.unwrap().is_ok());
        assert_eq!((lab.seen(), lab.in_flight_and_queued()), (1, (0, 0)));
    });
}

#[test]
fn a_more_important_request_is_served_first() {
    paused(async {
        let concurrency = Concurrency::at_most(1).queue(2).wait(secs(60.0)).priorities();
        let lab = Lab::new(Upstream::builder("test").concurrency(concurrency));
        let first = tokio::spawn(lab.call(good().takes(secs(1.0))));
        settle().await;
        let request = |priority| good().says(CallOptions::new().priority(priority));
        let low = tokio::spawn(lab.call(request(Priority::Low).takes(secs(1.0))));
        settle().await;
        let began = now();
        assert!(lab.call(request(Priority::High)).await.is_ok());
        assert!((now() - began).as_secs_f64() < 1.01, "it waited for the less important one");
        assert!(first.await.unwrap().is_ok() && low.await.unwrap().is_ok());
    });
}

#[test]
fn priorities_are_throttled_apart() {
    paused(async {
        let lab = Lab::new(Upstream::builder("test").throttle(Throttle::ratio(2.0)));
        let call = |request: Request, priority| {
            lab.call(request.says(CallOptions::new().priority(priority)))
        };
        for _ in 0..50 {
            let _ = call(Request::that(Outcome::Throttled), Priority::Low).await;
            assert!(call(good(), Priority::High).await.is_ok());
        }
        let refused = 50.0 / 51.0;
        let throttle = lab.upstream.snapshot().throttle.unwrap();
        assert_eq!(throttle.probabilities, [0.0, refused, 0.0, 0.0]);
    });
}

#[test]
fn all_requests_stay_away_while_the_upstream_asks_for_it() {
    paused(async {
        let lab = Lab::new(Upstream::builder("test").quiet_period(QuietPeriod::up_to(secs(60.0))));
        let asked = lab.call(Request::that(Outcome::Throttled)).await;
        assert_eq!(asked.unwrap(), Outcome::Throttled);
        assert_eq!(rejection(&lab.call(good()).await), Some(RejectionKind::QuietPeriod));
        assert_eq!(lab.seen(), 1);
        pass(secs(7.0)).await;
        assert!(lab.call(good()).await.is_ok());
    });
}

#[test]
fn settings_without_effect_are_refused() {
    paused(async {
        let builder = || Upstream::builder("test");
        for (upstream, error) in [
            (builder().retry(Retry::default()), "retry = 4"),
            (builder().hedge(Hedge::after(secs(1.0))), "hedge = 1"),
            (
                builder().hedge(Hedge::after(secs(1.0))).retry_budget(RetryBudget::share(0.1)),
                "retry_budget = 0.1",
            ),
            (builder().connect_retries(2), "connect_retries = 2"),
            (
                builder().chaos(Chaos::default().fail(0.1)),
                "chaos = 10 % of the attempts fail, 0 % are delayed by 1.000s, 0 % panic",
            ),
        ] {
            let refused = ResilienceLayer::new(&upstream.start().unwrap()).unwrap_err().to_string();
            assert_eq!(
                refused,
                format!(
                    "{error} is not valid: expected none, as a tower layer makes one attempt and injects no faults"
                )
            );
        }
        assert!(ResilienceLayer::new(&builder().timeout(secs(1.0)).start().unwrap()).is_ok());
    });
}
