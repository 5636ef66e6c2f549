//! What a call costs that fails once, waits for its retry, and succeeds: among a thousand that wait, and
//! among a hundred thousand. The time is that of all of them, a call.
//!
//! The runtime's clock stands still while there is something to do, and jumps to the next timer when
//! there is not. So the waits themselves take no time.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should end")]

#[path = "../tests/support/busy.rs"]
mod busy;

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use busy::Busy;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures::{StreamExt as _, stream::FuturesUnordered};
use resilience_actors::{Breaker, BreakerConfig, CallLimit, Protection, RetryConfig, Scheduler};

fn waiting_calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("waiting_calls");
    let system = actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    });
    let scheduler = Rc::new(system.block_on(async {
        let breaker = Breaker::start(BreakerConfig::default());
        Scheduler::start_seeded(Busy, RetryConfig::default(), breaker, CallLimit::new(1_000_000), 1)
    }));
    for calls in [1_000, 100_000_u32] {
        group.bench_function(BenchmarkId::from_parameter(calls), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                for _ in 0..iterations {
                    spent += system.block_on(all_at_once(&scheduler, calls)) / calls;
                }
                spent
            });
        });
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
async fn all_at_once(scheduler: &Scheduler<Busy>, calls: u32) -> Duration {
    let begun = Instant::now();
    let mut calls: FuturesUnordered<_> =
        (0..calls).map(|_| scheduler.call((), Protection::Full)).collect();
    while let Some(report) = calls.next().await {
        assert_eq!(report.attempts.len(), 2);
    }
    begun.elapsed()
}

criterion_group! {
    name = waiting;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(5));
    targets = waiting_calls
}
criterion_main!(waiting);
