//! What a call pays for its circuit breaker: ours and its peers, in one run.
//!
//! - `closed`: leave to make an attempt and the report of its success, on 1 and 2 threads that share
//!   one breaker. The time is what a thread waits for one.
//! - `open_rejection`: a call that an open circuit turns away.
//!
//! Each peer does it in the way that costs it least: the synchronous one where it has one. All of
//! them open by consecutive failures, but for recloser and tower-resilience, which know failure
//! rates only and get windows of 100 calls.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should end")]

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use failsafe::CircuitBreaker as _;
use futures::executor::block_on;
use recloser::Recloser;
use resilience_actors::{Breaker, BreakerConfig};
use tower::{Layer as _, Service as _, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

const A_MINUTE: Duration = Duration::from_secs(60);

/// The time that `threads` threads take to run `calls(iterations)` side by side.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn side_by_side(threads: usize, iterations: u64, calls: impl Fn(u64) + Sync) -> Duration {
    let (ready, done) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                ready.wait();
                calls(iterations);
                done.wait();
            });
        }
        ready.wait();
        let begun = Instant::now();
        done.wait();
        begun.elapsed()
    })
}

fn ours() -> Breaker {
    Breaker::start(BreakerConfig::default())
}

fn recloser() -> Recloser {
    Recloser::custom().error_rate(0.5).closed_len(100).open_wait(A_MINUTE).build()
}

fn failsafe() -> failsafe::StateMachine<impl failsafe::FailurePolicy, ()> {
    let minute = failsafe::backoff::constant(A_MINUTE);
    let policy = failsafe::failure_policy::consecutive_failures(5, minute);
    failsafe::Config::new().failure_policy(policy).build()
}

fn tower_resilience() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .wait_duration_in_open(A_MINUTE)
        .build()
        .unwrap()
}

fn closed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("closed");
    let system = actix::System::new();
    for threads in [1, 2] {
        let breaker = system.block_on(async { ours() });
        group.bench_function(BenchmarkId::new("ours", threads), |bencher| {
            bencher.iter_custom(|iterations| {
                side_by_side(threads, iterations, |iterations| {
                    block_on(async {
                        for _ in 0..iterations {
                            black_box(&breaker).admit().await.unwrap().success().await;
                        }
                    });
                })
            });
        });

        let breaker = recloser();
        group.bench_function(BenchmarkId::new("recloser", threads), |bencher| {
            bencher.iter_custom(|iterations| {
                side_by_side(threads, iterations, |iterations| {
                    for _ in 0..iterations {
                        black_box(&breaker).call(|| black_box(Ok::<(), ()>(()))).unwrap();
                    }
                })
            });
        });

        let breaker = failsafe();
        group.bench_function(BenchmarkId::new("failsafe", threads), |bencher| {
            bencher.iter_custom(|iterations| {
                side_by_side(threads, iterations, |iterations| {
                    for _ in 0..iterations {
                        black_box(&breaker).call(|| black_box(Ok::<(), ()>(()))).unwrap();
                    }
                })
            });
        });

        let service = tower_resilience().layer(service_fn(async |()| Ok::<(), ()>(())));
        group.bench_function(BenchmarkId::new("tower_resilience", threads), |bencher| {
            bencher.iter_custom(|iterations| {
                side_by_side(threads, iterations, |iterations| {
                    let mut service = service.clone();
                    block_on(async {
                        for _ in 0..iterations {
                            black_box(&mut service).call(()).await.unwrap();
                        }
                    });
                })
            });
        });
    }
    group.finish();
}

fn open_rejection(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open_rejection");
    let system = actix::System::new();
    let breaker = system.block_on(async {
        let breaker = ours();
        for _ in 0..5 {
            breaker.admit().await.unwrap().failure("down").await;
        }
        breaker
    });
    group.bench_function("ours", |bencher| {
        // In one go, as callers do it: no executor begins anew for each.
        bencher.iter_custom(|iterations| {
            side_by_side(1, iterations, |iterations| {
                block_on(async {
                    for _ in 0..iterations {
                        assert!(black_box(&breaker).admit().await.is_err());
                    }
                });
            })
        });
    });

    let breaker = recloser();
    for _ in 0..200 {
        let _ = breaker.call(|| Err::<(), ()>(()));
    }
    group.bench_function("recloser", |bencher| {
        bencher.iter(|| assert!(black_box(&breaker).call(|| Ok::<(), ()>(())).is_err()));
    });

    let breaker = failsafe();
    for _ in 0..5 {
        let _ = breaker.call(|| Err::<(), ()>(()));
    }
    group.bench_function("failsafe", |bencher| {
        bencher.iter(|| assert!(black_box(&breaker).call(|| Ok::<(), ()>(())).is_err()));
    });

    let mut service = tower_resilience().layer(service_fn(async |()| Err::<(), ()>(())));
    block_on(async {
        for _ in 0..200 {
            let _ = service.call(()).await;
        }
        assert!(service.is_open());
    });
    group.bench_function("tower_resilience", |bencher| {
        bencher.iter_custom(|iterations| {
            side_by_side(1, iterations, |iterations| {
                let mut service = service.clone();
                block_on(async {
                    for _ in 0..iterations {
                        assert!(black_box(&mut service).call(()).await.is_err());
                    }
                });
            })
        });
    });
    group.finish();
}

criterion_group! {
    name = breaker;
    config = Criterion::default().warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = closed, open_rejection
}
criterion_main!(breaker);
