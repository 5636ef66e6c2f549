//! Callers that leave: a dropped future gives back all that it holds.

use resilience_actors::{Breaker, CallLimit, Concurrency, Rate, State, Upstream};

use crate::{
    lab::{Lab, bad, good},
    support::{abandon, pass, paused, secs, settle},
};

#[test]
fn a_request_that_is_dropped_in_flight_frees_its_places_and_says_nothing() {
    paused(async {
        let limit = CallLimit::new(1);
        let lab = Lab::new(
            Upstream::builder("test")
                .limit(limit.clone())
                .breaker(Breaker::consecutive(1))
                .concurrency(Concurrency::at_most(1)),
        );
        abandon(lab.call(bad().takes(secs(5.0))), secs(1.0)).await;
        settle().await;
        assert_eq!((lab.in_flight_and_queued(), limit.in_use()), ((0, 0), 0));
        let counts = lab.upstream.breaker().unwrap().counts();
        assert_eq!((lab.upstream.state(), counts.ignored), (State::Closed, 1));
        assert_eq!(lab.told.take(), ["admitted 1", "attempt Cancelled", "abandoned"]);
    });
}

#[test]
fn a_request_that_is_dropped_in_the_queue_makes_room_there() {
    paused(async {
        let limits = Concurrency::at_most(1).queue(1).wait(secs(60.0));
        let lab = Lab::new(
            Upstream::builder("test").concurrency(limits).rate(Rate::per_second(3).burst(3)),
        );
        let first = tokio::spawn(lab.call(good().takes(secs(0.3))));
        settle().await;
        abandon(lab.call(good()), secs(0.01)).await;
        assert_eq!(lab.told.take(), ["admitted 1", "abandoned"]);
        assert_eq!(lab.in_flight_and_queued(), (1, 0));
        assert_eq!(lab.upstream.snapshot().rate.unwrap().available, 2, "its token is back");
        assert!(lab.call(good()).await.is_ok());
        assert!(first.await.unwrap().is_ok());
    });
}

#[test]
fn a_trial_that_is_dropped_gives_its_permit_back() {
    paused(async {
        let lab = Lab::new(
            Upstream::builder("test").breaker(Breaker::consecutive(1).reset_after(secs(30.0))),
        );
        assert!(lab.call(bad()).await.is_ok());
        pass(secs(30.0)).await;
        assert_eq!(lab.upstream.state(), State::HalfOpen);
        abandon(lab.call(good().takes(secs(5.0))), secs(1.0)).await;
        settle().await;
        assert_eq!(lab.upstream.state(), State::HalfOpen);
        assert!(lab.call(good()).await.is_ok());
        assert_eq!(lab.upstream.state(), State::Closed);
    });
}
