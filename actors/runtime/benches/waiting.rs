//! What a call costs that fails once, waits for its retry, and succeeds: among a thousand that wait, and
//! among a hundred thousand. The time is that of all of them, a call.
//!
//! The runtime's clock stands still while there is something to do, and jumps to the next timer when
//! there is not. So the waits themselves take no time.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should end")]

#[path = "../tests/support/busy.rs"]
mod busy;

use std::time::{Duration, Instant};

use busy::Busy;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use resilience_actors::{BreakerSettings, CallLimit, Retry, Upstream};

fn waiting_calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("waiting_calls");
    let system = actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    });
    let upstream = system.block_on(async {
        let builder = Upstream::builder("busy").breaker(BreakerSettings::default());
        let builder = builder.retry(Retry::default()).limit(CallLimit::new(1_000_000));
        builder.deadline(Duration::from_secs(30)).seed(1).start().unwrap()
    });
    for calls in [1_000, 100_000_u32] {
        group.bench_function(BenchmarkId::from_parameter(calls), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                for _ in 0..iterations {
                    spent += system.block_on(all_at_once(&upstream, calls)) / calls;
                }
                spent
            });
        });
    }
    group.finish();
}

/// Each caller is a task of its own: tasks that are woken together would otherwise be polled again and again.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
async fn all_at_once(upstream: &Upstream, calls: u32) -> Duration {
    let begun = Instant::now();
    let call = || {
        let upstream = upstream.clone();
        actix_rt::spawn(async move { upstream.run(Busy).await.attempts.len() })
    };
    let callers: Vec<_> = (0..calls).map(|_| call()).collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 2);
    }
    begun.elapsed()
}

criterion_group! {
    name = waiting;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(5));
    targets = waiting_calls
}
criterion_main!(waiting);
