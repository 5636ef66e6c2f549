//! What the runtime asks of the allocator. One test, in a process of its own: the allocator's counts
//! are the process's. With `MEMORY_FACTS` it writes what it counts into that file, for `scripts/bench.sh`.

#[path = "support/busy.rs"]
mod busy;
mod support;

use std::{alloc::System, env, fs};

use busy::Busy;
use futures::{FutureExt as _, StreamExt as _, future::poll_immediate, stream::FuturesUnordered};
use resilience_actors::{Breaker, CallLimit};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Lab, Settings, closed, fail, paused, secs, settle};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn admission_allocates_nothing_and_a_waiting_call_takes_little() {
    paused(async {
        let by_rate = Breaker::failure_rate(0.5).or_slow_rate(0.5, secs(1.0));
        let breakers = [
            closed(),
            support::breaker(by_rate.clone().over_calls(100)),
            support::breaker(by_rate.over(secs(60.0))),
        ];
        settle().await;
        let mut allocations = 0;
        for breaker in breakers {
            // The first of a thread may set up something for all that follow.
            breaker.admit().await.unwrap().success().await;
            let region = Region::new(ALLOCATOR);
            for _ in 0..1_000 {
                breaker.admit().await.unwrap().success().await;
            }
            allocations += region.change().allocations;
        }
        assert_eq!(allocations, 0, "closed: admission, and the report of a success");

        let breaker = closed();
        let limit = CallLimit::new(usize::MAX);
        let lab = Lab::new(Busy, Settings::default(), &breaker, limit);
        settle().await;
        let calls = 10_000_u32;
        let region = Region::new(ALLOCATOR);
        let mut waiting: FuturesUnordered<_> = (0..calls).map(|_| lab.call()).collect();
        // A few of them get a turn at a time.
        for _ in 0..calls {
            assert!(poll_immediate(waiting.next()).await.is_none(), "not before its wait is over");
            tokio::task::yield_now().await;
        }
        assert_eq!(lab.limit.waiting(), calls as usize);
        let change = region.change();
        let bytes = change.bytes_allocated - change.bytes_deallocated;
        let each = bytes as f64 / f64::from(calls);
        if let Some(file) = env::var_os("MEMORY_FACTS") {
            let facts = serde_json::json!({
                "allocations_per_closed_call": allocations / 1_000,
                "bytes_per_waiting_call": each.round(),
            });
            fs::write(file, facts.to_string()).unwrap();
        }
        assert!(each <= 1024.0, "{each} bytes a waiting call");
        drop(waiting);

        fail(&breaker, 5).await;
        assert!(breaker.admit().await.is_err(), "the first of a burst tells the actor");
        let region = Region::new(ALLOCATOR);
        for _ in 0..1_000 {
            assert!(breaker.admit().now_or_never().is_some_and(|answer| answer.is_err()));
        }
        assert_eq!(region.change().allocations, 0, "open: a rejection");
    });
}
