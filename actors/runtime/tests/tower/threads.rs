//! Requests of several threads.

use std::time::Duration;

use futures::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{
    Breaker, CallLimit, Concurrency, Outcome, Rate, RejectionKind, State, Throttle, Upstream,
};

use crate::lab::{Lab, Request, Told, good, rejection};

const CALLERS: u32 = 10_000;

/// Fails while the upstream is down, and else answers, fails, is refused or panics.
fn any(rng: &mut SmallRng, is_down: bool) -> Request {
    let outcome = match rng.random_range(0..100) {
        _ if is_down => Outcome::ServerError,
        0..85 => Outcome::Success,
        85..90 => Outcome::ServerError,
        90..95 => Outcome::Throttled,
        95..99 => Outcome::Unreachable,
        _ => Outcome::Panicked,
    };
    Request::that(outcome).takes(Duration::from_millis(rng.random_range(0..4)))
}

/// Comes after a while. With `patience`, leaves after that.
async fn call(
    lab: Lab,
    request: Request,
    after: Duration,
    patience: Option<Duration>,
) -> Option<Option<RejectionKind>> {
    tokio::time::sleep(after).await;
    let call = lab.call(request);
    let answer = match patience {
        Some(patience) => tokio::time::timeout(patience, call).await.ok(),
        None => Some(call.await),
    };
    answer.as_ref().map(rejection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_callers_on_four_threads_every_place_token_and_permit_is_free() {
    let limit = CallLimit::new(CALLERS as usize);
    let upstream = Upstream::builder("moody")
        .limit(limit.clone())
        .breaker(
            Breaker::failure_rate(0.5)
                .over_calls(20)
                .at_least(10)
                .reset_after(Duration::from_millis(20)),
        )
        .throttle(Throttle::default())
        .rate(Rate::per_second(50_000).burst(2_000).wait(Duration::from_secs(60)))
        .concurrency(
            Concurrency::at_most(100).queue(CALLERS as usize).wait(Duration::from_secs(60)),
        );
    let upstream = upstream.start_in_background().unwrap();
    let lab = Lab::of(&upstream, Told::default());
    let mut rng = SmallRng::seed_from_u64(1);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let after = Duration::from_micros(50) * caller;
            let patience = Duration::from_micros(rng.random_range(0..20_000));
            let patience = rng.random_bool(0.3).then_some(patience);
            let request = any(&mut rng, (4_000..5_000).contains(&caller));
            tokio::spawn(call(lab.clone(), request, after, patience))
        })
        .collect();
    let ends: Vec<_> = join_all(callers).await.into_iter().map(Result::unwrap).collect();
    let left = ends.iter().filter(|end| end.is_none()).count();
    let rejected = ends.iter().flatten().flatten().count();
    assert!(left > 100 && rejected > 100 && lab.seen() > 500, "{left} {rejected} {}", lab.seen());

    assert_eq!((limit.in_use(), lab.in_flight_and_queued()), (0, (0, 0)));
    assert_eq!(upstream.snapshot().rate.unwrap().waiting, 0);
    let breaker = upstream.breaker().unwrap();
    assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);
    breaker.reset().await.unwrap();
    assert!(lab.call(good()).await.is_ok());
    assert_eq!(upstream.state(), State::Closed);
}
