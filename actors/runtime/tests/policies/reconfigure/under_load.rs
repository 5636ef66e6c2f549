//! Settings that change all the time while many callers come and leave.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream};
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{
    Breaker, BreakerSettings, CallLimit, CallSettings, Concurrency, ConcurrencyLimit, Hedge,
    QuietPeriod, Rate, Retry, RetryBudget, State, Throttle, Upstream, within,
};
use resilience_testing::{PATIENCE, until_async};

use crate::support::{NoAnswer, arbiters::on_arbiters, now, pass, paused, secs, settle};

const CALLERS: u32 = 10_000;

/// Any settings: each policy is on or off.
fn any_settings(rng: &mut impl Rng) -> CallSettings {
    let flags: [bool; 6] = std::array::from_fn(|_| rng.random_bool(0.5));
    let number = rng.random_range(1..40_u32);
    let fixed = Concurrency::at_most(number as usize).queue(30).wait(secs(0.5));
    let concurrency = match rng.random_range(0..4) {
        0 => None,
        1 => Some(Concurrency { concurrency_priorities: true, ..fixed }),
        2 => Some(Concurrency::adaptive(1..=40).queue(number as usize)),
        _ => Some(fixed),
    };
    CallSettings {
        retry: Some(Retry::exponential(secs(0.05)).attempts(1 + number % 4)),
        retry_budget: flags[0].then(|| RetryBudget::share(0.1)),
        attempt_timeout: Some(secs(0.5)),
        call_deadline: Some(secs(4.0)),
        throttle: flags[1].then(Throttle::default),
        rate: flags[2].then(|| Rate::per_second(20 * number).burst(number).wait(secs(0.3))),
        concurrency,
        hedge: flags[3].then(|| match flags[4] {
            true => Hedge::after(secs(0.05)),
            false => Hedge::after_percentile(0.9),
        }),
        quiet_period: flags[5].then(|| QuietPeriod::up_to(secs(0.2))),
        ..CallSettings::default()
    }
}

/// Answers, fails or hangs at random, after a random time.
async fn moody(mood: u32, time: Duration) -> Result<(), NoAnswer> {
    tokio::time::sleep(time).await;
    match mood {
        0..80 => Ok(()),
        80..98 => Err(NoAnswer),
        _ => std::future::pending().await,
    }
}

#[test]
fn no_call_is_lost_and_at_the_end_every_place_token_and_permit_is_free() {
    paused(async {
        let limit = CallLimit::new(1_000);
        let breaker = Breaker::failure_rate(0.7).over_calls(50).at_least(20).reset_after(secs(1.0));
        let upstream = Upstream::builder("moody").breaker(breaker).limit(limit.clone());
        let upstream = upstream.seed(1).start().unwrap();
        let mut rng = SmallRng::seed_from_u64(7);
        let (ended, left) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut limits = Vec::new();
        let mut calls = CallSettings::default();
        for caller in 0..CALLERS {
            let patience = rng.random_bool(0.3).then(|| secs(rng.random_range(0.0..1.0)));
            let (mood, time) = (rng.random_range(0..100), secs(rng.random_range(0.0..0.2)));
            let (called, ended, left) = (upstream.clone(), Rc::clone(&ended), Rc::clone(&left));
            drop(actix_rt::spawn(async move {
                let call = called.call(async move |_| moody(mood, time).await);
                let answered = match patience {
                    Some(patience) => tokio::time::timeout(patience, call).await.is_ok(),
                    None => {
                        let _ = call.await;
                        true
                    }
                };
                let count = if answered { ended } else { left };
                count.set(count.get() + 1);
            }));
            if rng.random_bool(0.3) {
                pass(Duration::from_millis(rng.random_range(0..20))).await;
            }
            limits.extend(upstream.concurrency());
            calls = any_settings(&mut rng);
            if caller % 10 == 0 {
                let fail_max = rng.random_range(0..9);
                let failure_rate = Some(0.7);
                let breaker = BreakerSettings {
                    fail_max,
                    failure_rate,
                    reset_timeout: secs(1.0),
                    ..BreakerSettings::default()
                };
                upstream.reconfigure_with_breaker(calls.clone(), breaker).await.unwrap();
            } else {
                upstream.reconfigure(calls.clone()).unwrap();
            }
        }
        // The limits are on, with what they have counted, while the last callers are there.
        while !(calls.rate.is_some() && calls.concurrency.is_some()) {
            calls = any_settings(&mut rng);
        }
        upstream.reconfigure(calls).unwrap();
        assert!(limit.in_use() > 0, "calls are in flight at the last change");
        pass(secs(30.0)).await;
        assert_eq!(ended.get() + left.get(), CALLERS, "each caller has an answer, or has left");
        assert!(ended.get() > CALLERS / 2 && left.get() > 0, "{ended:?} {left:?}");
        assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
        assert_places_are_free(&limits);
        let rate = upstream.snapshot().rate.unwrap();
        assert_eq!((rate.waiting, rate.available), (0, rate.burst));
        let breaker = upstream.breaker().unwrap();
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);
        breaker.reset().await.unwrap();
        settle().await;
        assert_eq!(upstream.state(), State::Closed);
        let good = upstream.call(async |_| Ok::<_, NoAnswer>(())).await;
        assert!(good.is_ok(), "{good:?}");
    });
}

/// On real threads, with the real clock. The rate changes and is never off, so that its tokens are those of all calls.
#[test]
fn nothing_is_lost_while_callers_on_four_arbiters_come_and_leave() {
    actix_rt::System::new().block_on(async {
        let (limit, made) = (CallLimit::new(1_000), Arc::new(AtomicU32::new(0)));
        let breaker =
            Breaker::failure_rate(0.7).over_calls(50).at_least(20).reset_after(secs(0.02));
        let upstream = Upstream::builder("moody").breaker(breaker).limit(limit.clone());
        let upstream = upstream.rate(Rate::per_second(1_000)).timeout(secs(0.1)).start().unwrap();
        let mut ends = {
            let (upstream, made) = (upstream.clone(), Arc::clone(&made));
            on_arbiters(ARBITERS, move |seed| callers(upstream.clone(), Arc::clone(&made), seed))
        };
        let mut rng = SmallRng::seed_from_u64(7);
        let (mut limits, mut arbiters, mut ended, mut left) = (Vec::new(), Vec::new(), 0, 0);
        while !ends.is_empty() {
            limits.extend(upstream.concurrency());
            let number = rng.random_range(1..40);
            let rate = Rate::per_second(BURSTS * number).burst(number).wait(secs(0.05));
            let calls = CallSettings {
                rate: Some(rate),
                attempt_timeout: Some(secs(0.1)),
                ..any_settings(&mut rng)
            };
            upstream.reconfigure(calls).unwrap();
            if let Some(Some((arbiter, of_arbiter))) = within(now() + PACE, ends.next()).await {
                arbiters.push(arbiter);
                (ended, left) = (ended + of_arbiter.0, left + of_arbiter.1);
            }
        }
        assert_eq!(ended + left, ARBITERS * CALLERS_OF_ARBITER, "no call is lost");
        assert!(ended > left && left > 100, "{ended} {left}");
        until_async("calls are over", PATIENCE, async || limit.in_use() == 0).await;
        assert_eq!(limit.waiting(), 0);
        assert_places_are_free(&limits);
        assert!(made.load(Ordering::SeqCst) > 100, "{made:?}");
        assert_eq!(upstream.snapshot().rate.unwrap().waiting, 0);
        let all_there = async || {
            let rate = upstream.snapshot().rate.unwrap();
            rate.available == rate.burst
        };
        until_async("every token is there", PATIENCE, all_there).await;
        let breaker = upstream.breaker().unwrap().inspect().await.unwrap();
        assert_eq!(breaker.trials_in_flight, 0);
        for arbiter in arbiters {
            arbiter.stop();
        }
    });
}

const ARBITERS: usize = 4;
const CALLERS_OF_ARBITER: usize = 2_000;

/// Number of bursts a second that each rate allows.
const BURSTS: u32 = 200;

/// Time between two changes.
const PACE: Duration = Duration::from_millis(1);

/// Callers on this arbiter, fifty at a time. Returns how many were answered, and how many left before. Counts the
/// attempts that are made.
async fn callers(upstream: Upstream, made: Arc<AtomicU32>, seed: u64) -> (usize, usize) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let callers = (0..CALLERS_OF_ARBITER).map(|_| {
        let (mood, micros) = (rng.random_range(0..100), rng.random_range(0..5_000));
        let patience = rng.random_bool(0.3).then(|| rng.random_range(0..10_000));
        let (upstream, made) = (upstream.clone(), Arc::clone(&made));
        async move {
            let call = upstream.call(async move |_| {
                made.fetch_add(1, Ordering::SeqCst);
                moody(mood, Duration::from_micros(micros)).await
            });
            let over = patience.map(|micros| now() + Duration::from_micros(micros));
            match over {
                Some(over) => within(over, call).await.is_some(),
                None => {
                    let _ = call.await;
                    true
                }
            }
        }
    });
    let answered: Vec<_> = stream::iter(callers).buffer_unordered(50).collect().await;
    let ended = answered.iter().filter(|answered| **answered).count();
    (ended, CALLERS_OF_ARBITER - ended)
}

fn assert_places_are_free(limits: &[ConcurrencyLimit]) {
    for places in limits.iter().map(ConcurrencyLimit::snapshot) {
        assert_eq!((places.in_flight, places.queued), (0, 0));
    }
}
