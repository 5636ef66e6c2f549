//! Every policy at once, with callers that come and leave at random.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{
    Attempt, Breaker, CallLimit, CallOptions, Concurrency, Hedge, Operation, Outcome, Priority,
    QuietPeriod, Rate, Retry, RetryBudget, State, Throttle, Upstream, Verdict,
};

use crate::support::{NoAnswer, pass, paused, secs, settle};

const CALLERS: u32 = 100_000;

/// Answers, fails, hangs or panics at random, and is down at times.
#[derive(Clone)]
struct Moody {
    rng: Rc<RefCell<SmallRng>>,
    is_down: Rc<Cell<bool>>,
}

impl Operation for Moody {
    type Answer = Verdict;
    type Error = NoAnswer;

    async fn run(&self, _: Attempt<'_>) -> Result<Verdict, NoAnswer> {
        let (mood, time) = {
            let mut rng = self.rng.borrow_mut();
            (rng.random_range(0..1_000), Duration::from_millis(rng.random_range(0..200)))
        };
        tokio::time::sleep(time).await;
        let throttled = Verdict { retry_after: Some(secs(0.3)), ..Outcome::Throttled.into() };
        match mood {
            0..900 if self.is_down.get() => Ok(Outcome::ServerError.into()),
            0..800 => Ok(Outcome::Success.into()),
            800..900 => Ok(Outcome::ServerError.into()),
            900..920 => Ok(throttled),
            920..960 => Err(NoAnswer),
            960..999 => std::future::pending().await,
            _ => std::panic::resume_unwind(Box::new("in a bad mood")),
        }
    }

    fn classify(&self, result: &Result<Verdict, NoAnswer>) -> Verdict {
        result.unwrap_or_else(|NoAnswer| Outcome::Unreachable.into())
    }
}

fn with_every_policy(limit: &CallLimit) -> Upstream {
    let breaker = Breaker::failure_rate(0.6).over_calls(50).at_least(20).reset_after(secs(2.0));
    let concurrency = Concurrency::at_most(30).queue(60).wait(secs(0.5)).priorities();
    let upstream = Upstream::builder("moody")
        .limit(limit.clone())
        .breaker(breaker)
        .retry(Retry::exponential(secs(0.1)).attempts(3))
        .retry_budget(RetryBudget::share(0.05).min_per_second(0.5))
        .timeout(secs(1.0))
        .deadline(secs(4.0))
        .connect_retries(1)
        .quiet_period(QuietPeriod::up_to(secs(0.5)))
        .throttle(Throttle::ratio(2.0))
        .rate(Rate::per_second(400).burst(50).wait(secs(0.3)))
        .concurrency(concurrency)
        .hedge(Hedge::after_percentile(0.9));
    upstream.seed(1).start().unwrap()
}

#[test]
fn after_a_hundred_thousand_callers_every_place_token_and_permit_is_free() {
    paused(async {
        let limit = CallLimit::new(300);
        let upstream = with_every_policy(&limit);
        let mut rng = SmallRng::seed_from_u64(7);
        let is_down = Rc::new(Cell::new(false));
        let moody_rng = Rc::new(RefCell::new(SmallRng::seed_from_u64(8)));
        let moody = Moody { rng: moody_rng, is_down: Rc::clone(&is_down) };
        let answered = Rc::new(RefCell::new((0_u32, 0_u32)));
        for _ in 0..CALLERS {
            let patience =
                rng.random_bool(0.5).then(|| Duration::from_millis(rng.random_range(0..1_500)));
            let priority = Priority::ALL[rng.random_range(0..4)];
            let (upstream, moody) = (upstream.clone(), moody.clone());
            let answered = Rc::clone(&answered);
            drop(actix_rt::spawn(async move {
                let options = CallOptions::new().priority(priority);
                let call = upstream.run_with(options, moody);
                let report = match patience {
                    Some(patience) => tokio::time::timeout(patience, call).await.ok(),
                    None => Some(call.await),
                };
                let (good, other) = &mut *answered.borrow_mut();
                match report.map(|report| report.result.is_ok()) {
                    Some(true) => *good += 1,
                    Some(false) => *other += 1,
                    None => {}
                }
            }));
            if rng.random_bool(0.001) {
                is_down.set(!is_down.get());
            }
            if rng.random_bool(0.1) {
                pass(Duration::from_millis(rng.random_range(0..60))).await;
            }
        }
        pass(secs(30.0)).await;
        let (good, other) = *answered.borrow();
        assert!(good > CALLERS / 20 && other > CALLERS / 20, "{good} answered, {other} not");

        assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
        let policies = upstream.snapshot();
        let (places, rate) = (policies.concurrency.unwrap(), policies.rate.unwrap());
        assert_eq!((places.in_flight, places.queued), (0, 0));
        assert_eq!((rate.waiting, rate.available), (0, rate.burst));
        let (hedge, budget) = (policies.hedge.unwrap(), policies.retry_budget.unwrap());
        assert!(hedge.made > 0 && hedge.won > 0, "{hedge:?}");
        assert!(budget.refused > 0, "{budget:?}");
        let counts = upstream.breaker().unwrap().counts();
        assert!(counts.transitions.len() > 2, "{:?}", counts.transitions);

        // Each trial that was lost would be missing here.
        upstream.breaker().unwrap().reset().await.unwrap();
        settle().await;
        assert_eq!(upstream.state(), State::Closed);
        let good = upstream.call(async |_| Ok::<_, NoAnswer>(())).await;
        assert!(good.is_ok(), "{good:?}");
    });
}
