//! Settings that change all the time while many callers come and leave.

use std::{cell::Cell, rc::Rc, time::Duration};

use rand::{Rng, RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{
    Breaker, BreakerSettings, CallLimit, CallSettings, Concurrency, ConcurrencyLimit, Hedge,
    QuietPeriod, Rate, Retry, RetryBudget, State, Throttle, Upstream,
};

use crate::support::{NoAnswer, pass, paused, secs, settle};

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
            let calls = any_settings(&mut rng);
            if caller % 10 == 0 {
                let fail_max = rng.random_range(0..9);
                let failure_rate = Some(0.7);
                let breaker = BreakerSettings {
                    fail_max,
                    failure_rate,
                    reset_timeout: secs(1.0),
                    ..BreakerSettings::default()
                };
                upstream.reconfigure_with_breaker(calls, breaker).await.unwrap();
            } else {
                upstream.reconfigure(calls).unwrap();
            }
        }
        pass(secs(30.0)).await;
        assert_eq!(ended.get() + left.get(), CALLERS, "each caller has an answer, or has left");
        assert!(ended.get() > CALLERS / 2 && left.get() > 0, "{ended:?} {left:?}");
        assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
        for places in limits.iter().map(ConcurrencyLimit::snapshot) {
            assert_eq!((places.in_flight, places.queued), (0, 0));
        }

        let on = |rng: &mut SmallRng| loop {
            let settings = any_settings(rng);
            if settings.rate.is_some() && settings.concurrency.is_some() {
                return settings;
            }
        };
        upstream.reconfigure(on(&mut rng)).unwrap();
        let policies = upstream.snapshot();
        let (places, rate) = (policies.concurrency.unwrap(), policies.rate.unwrap());
        assert_eq!((places.in_flight, places.queued, rate.waiting), (0, 0, 0));
        assert_eq!(rate.available, rate.burst);
        let breaker = upstream.breaker().unwrap();
        assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);
        breaker.reset().await.unwrap();
        settle().await;
        assert_eq!(upstream.state(), State::Closed);
        let good = upstream.call(async |_| Ok::<_, NoAnswer>(())).await;
        assert!(good.is_ok(), "{good:?}");
    });
}
