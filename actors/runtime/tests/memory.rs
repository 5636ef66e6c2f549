//! Allocations of the runtime. The only test of its process, because the allocator counts for the whole process.
//!
//! `MEMORY_FACTS` names a file that the counts are written into, for `scripts/bench.sh`.

#[path = "support/busy.rs"]
mod busy;
mod support;

use std::{alloc::System, env, fs};

use busy::Busy;
use futures::{FutureExt as _, StreamExt as _, future::poll_immediate, stream::FuturesUnordered};
use resilience_actors::{Breaker, CallLimit};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Lab, Settings, closed, fail, paused, secs, settle, succeed};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn admission_does_not_allocate_and_a_waiting_call_needs_little_memory() {
    paused(async {
        let allocations = allocations_of_closed_calls().await;
        assert_eq!(allocations, 0, "closed: admission, and the report of a success");
        let bytes = bytes_of_a_waiting_call().await;
        if let Some(file) = env::var_os("MEMORY_FACTS") {
            let facts = serde_json::json!({
                "allocations_per_closed_call": allocations / 1_000,
                "bytes_per_waiting_call": bytes.round(),
            });
            fs::write(file, facts.to_string()).unwrap();
        }
        assert!(bytes <= 1024.0, "{bytes} bytes for each waiting call");
        assert_eq!(allocations_of_rejections().await, 0, "open: a rejection");
    });
}

/// Allocations of a thousand calls of a closed breaker, for each kind of trip.
async fn allocations_of_closed_calls() -> usize {
    let by_rate = Breaker::failure_rate(0.5).or_slow_rate(0.5, secs(1.0));
    let breakers = [
        closed(),
        support::breaker(by_rate.clone().over_calls(100)),
        support::breaker(by_rate.over(secs(60.0))),
    ];
    settle().await;
    let mut allocations = 0;
    for breaker in breakers {
        // The first call of a thread may allocate.
        succeed(&breaker, 1).await;
        // The least of several, because the threads of the test harness allocate too.
        let mut least = usize::MAX;
        for _ in 0..10 {
            let region = Region::new(ALLOCATOR);
            succeed(&breaker, 1_000).await;
            least = least.min(region.change().allocations);
        }
        allocations += least;
    }
    allocations
}

async fn bytes_of_a_waiting_call() -> f64 {
    let lab = Lab::new(Busy, Settings::default(), &closed(), CallLimit::new(usize::MAX));
    settle().await;
    let calls = 10_000_u32;
    let region = Region::new(ALLOCATOR);
    let mut waiting: FuturesUnordered<_> = (0..calls).map(|_| lab.call()).collect();
    // Each poll lets some of the calls begin.
    for _ in 0..calls {
        assert!(poll_immediate(waiting.next()).await.is_none(), "answered before its wait is over");
        tokio::task::yield_now().await;
    }
    assert_eq!(lab.limit.waiting(), calls as usize);
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated) as f64 / f64::from(calls)
}

/// Allocations of a thousand rejections by an open breaker.
async fn allocations_of_rejections() -> usize {
    let breaker = closed();
    fail(&breaker, 5).await;
    // The first rejection of a burst sends a message.
    assert!(breaker.admit().await.is_err());
    let rejections = || {
        let region = Region::new(ALLOCATOR);
        for _ in 0..1_000 {
            assert!(breaker.admit().now_or_never().is_some_and(|answer| answer.is_err()));
        }
        region.change().allocations
    };
    (0..10).map(|_| rejections()).min().unwrap_or(usize::MAX)
}
