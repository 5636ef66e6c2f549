//! What each policy costs a call that succeeds at its first attempt: ours and those of other crates, in one run.
//!
//! - `call`: a whole call of an upstream without a policy, with each of the policies, and with those that have settings
//!   in all calls (`all`). The difference to `none` is the cost of a policy. Probes cost a call nothing: none is made
//!   while the circuit is closed.
//! - `rate`, `concurrency`, `breaker`: one policy around an operation that does nothing: ours in its layer for tower,
//!   and those of other crates. `retry_budget`: one call that tower's budget counts; ours is in `call`.
//! - `pipeline`: a limit, a circuit breaker and retries around an operation that does nothing. `ours` is a call of an
//!   upstream, `ours_layer` the layer for tower under the retries of tower-resilience.
//!
//! All limits are so high that nothing is rejected. One thread makes one call after the other. The times are its CPU
//! time, so that other load of the machine delays no measurement.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should end")]

use std::{convert::Infallible, hint::black_box, num::NonZeroU32, time::Duration};

use actix::{System, SystemRunner};
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use failsafe::CircuitBreaker as _;
use governor::{Quota, RateLimiter};
use resilience_actors::{
    Attempt, Breaker, CallLimit, CallOptions, Chaos, Coalescer, Concurrency, Hedge, Operation,
    QuietPeriod, Rate, Retry, RetryBudget, Throttle, Upstream, UpstreamBuilder,
    adapters::tower::ResilienceLayer,
};
use rustix::time::{ClockId, clock_gettime};
use tower::{
    Layer as _, Service, ServiceExt as _,
    limit::{ConcurrencyLimitLayer, RateLimitLayer},
    retry::budget::{Budget as _, TpsBudget},
    service_fn,
};
use tower_resilience_bulkhead::BulkheadLayer;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;
use tower_resilience_ratelimiter::RateLimiterLayer;
use tower_resilience_retry::RetryLayer;

const SECOND: Duration = Duration::from_secs(1);
/// Attempts in a millisecond, more than anything here makes.
const RATE: u32 = 1_000_000;
const MILLISECOND: Duration = Duration::from_millis(1);
const PLACES: usize = 1_000;

type Add = fn(UpstreamBuilder) -> UpstreamBuilder;

/// Each policy with its name, the outermost first.
const POLICIES: [(&str, Add); 11] = [
    ("call_limit", |builder| builder.limit(CallLimit::new(PLACES))),
    ("deadline", |builder| builder.deadline(30 * SECOND)),
    ("retry", |builder| builder.retry(Retry::default())),
    ("retry_budget", |builder| {
        builder.retry(Retry::default()).retry_budget(RetryBudget::share(0.2))
    }),
    ("quiet_period", |builder| builder.quiet_period(QuietPeriod::default())),
    ("breaker", |builder| builder.breaker(Breaker::consecutive(5))),
    ("throttle", |builder| builder.throttle(Throttle::ratio(2.0))),
    ("rate", |builder| builder.rate(Rate::per(RATE, MILLISECOND))),
    ("concurrency", |builder| builder.concurrency(Concurrency::at_most(PLACES))),
    ("hedge", |builder| builder.hedge(Hedge::after(SECOND))),
    ("timeout", |builder| builder.timeout(3 * SECOND)),
];

/// Policies in place of those with the same settings above, and one that is not for production.
const OTHERS: [(&str, Add); 4] = [
    ("adaptive", |builder| builder.concurrency(Concurrency::adaptive(1..=PLACES))),
    ("priorities", |builder| builder.concurrency(Concurrency::at_most(PLACES).priorities())),
    ("slow_trip", |builder| builder.breaker(Breaker::slow_rate(0.5, SECOND))),
    // On, and of almost no attempt.
    ("fault_injection", |builder| builder.chaos(Chaos::default().fail(1e-12).seed(1))),
];

/// An operation that does nothing.
struct Nothing;

impl Operation for Nothing {
    type Answer = ();
    type Error = Infallible;

    async fn run(&self, _: Attempt<'_>) -> Result<(), Infallible> {
        Ok(())
    }
}

fn upstream(system: &SystemRunner, policies: &[(&str, Add)]) -> Upstream {
    let builder = policies.iter().fold(Upstream::builder("busy"), |to, (_, add)| add(to));
    system.block_on(async { builder.start().unwrap() })
}

/// The policies with these names.
fn named<const N: usize>(names: [&str; N]) -> Vec<(&str, Add)> {
    POLICIES.into_iter().filter(|(name, _)| names.contains(name)).collect()
}

/// Our layer for tower, with the policies with these names.
fn layer<const N: usize>(system: &SystemRunner, names: [&str; N]) -> ResilienceLayer {
    ResilienceLayer::new(&upstream(system, &named(names))).unwrap()
}

/// Measures calls of an upstream with these policies.
fn bench_call(group: &mut Group<'_>, system: &SystemRunner, name: &str, policies: &[(&str, Add)]) {
    let upstream = upstream(system, policies);
    bench(group, system, name, async |calls| {
        for _ in 0..calls {
            black_box(&upstream).call(async |_| Ok::<(), Infallible>(())).await.unwrap();
        }
    });
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Measures `calls`, which makes a number of calls, one after the other.
fn bench(
    group: &mut Group<'_>,
    system: &SystemRunner,
    name: &str,
    mut calls: impl AsyncFnMut(u64),
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            system.block_on(async {
                let begun = cpu_time();
                calls(iterations).await;
                cpu_time() - begun
            })
        });
    });
}

/// Measures calls of a service of tower.
fn bench_service<S>(group: &mut Group<'_>, system: &SystemRunner, name: &str, mut service: S)
where
    S: Service<(), Error: std::fmt::Debug>,
{
    bench(group, system, name, async |calls| {
        for _ in 0..calls {
            black_box(&mut service).ready().await.unwrap().call(()).await.unwrap();
        }
    });
}

fn call(criterion: &mut Criterion, system: &SystemRunner) {
    let mut group = criterion.benchmark_group("call");
    bench_call(&mut group, system, "none", &[]);
    for policy in POLICIES {
        bench_call(&mut group, system, policy.0, &[policy]);
    }
    for policy in OTHERS {
        bench_call(&mut group, system, policy.0, &[policy]);
    }
    bench_call(&mut group, system, "all", &POLICIES);

    // What a caller asks for in the call itself.
    let busy = upstream(system, &[]);
    bench(&mut group, system, "callers_deadline", async |calls| {
        for _ in 0..calls {
            let options = CallOptions::new().time_left(30 * SECOND);
            black_box(&busy).run_with(options, Nothing).await.result.unwrap();
        }
    });
    bench(&mut group, system, "fallback", async |calls| {
        for _ in 0..calls {
            let report = black_box(&busy).run_or(CallOptions::new(), Nothing, |_| Some(()));
            report.await.result.unwrap();
        }
    });
    let coalescer = Coalescer::new();
    bench(&mut group, system, "coalescing", async |calls| {
        for _ in 0..calls {
            let upstream = black_box(&busy).clone();
            coalescer
                .call(0, async move || upstream.run(Nothing).await.result.is_ok())
                .await
                .unwrap();
        }
    });
    group.finish();
}

fn peers(criterion: &mut Criterion, system: &SystemRunner) {
    let nothing = service_fn(async |()| Ok::<(), Infallible>(()));

    let mut group = criterion.benchmark_group("rate");
    bench_service(&mut group, system, "ours", layer(system, ["rate"]).layer(nothing));
    let per_second = NonZeroU32::new(1_000 * RATE).unwrap();
    let limiter = RateLimiter::direct(Quota::per_second(per_second));
    bench(&mut group, system, "governor", async |calls| {
        for _ in 0..calls {
            black_box(&limiter).until_ready().await;
        }
    });
    let tower = RateLimitLayer::new(RATE.into(), MILLISECOND);
    let tower = system.block_on(async { tower.layer(nothing) });
    bench_service(&mut group, system, "tower", tower);
    let limiter = RateLimiterLayer::builder().refresh_period(MILLISECOND);
    let limiter = limiter.limit_for_period(RATE as usize).build().unwrap();
    bench_service(&mut group, system, "tower_resilience", limiter.layer(nothing));
    group.finish();

    let mut group = criterion.benchmark_group("concurrency");
    bench_service(&mut group, system, "ours", layer(system, ["concurrency"]).layer(nothing));
    let tower = ConcurrencyLimitLayer::new(PLACES);
    bench_service(&mut group, system, "tower", tower.layer(nothing));
    bench_service(&mut group, system, "tower_resilience", bulkhead().layer(nothing));
    group.finish();

    let mut group = criterion.benchmark_group("breaker");
    bench_service(&mut group, system, "ours", layer(system, ["breaker"]).layer(nothing));
    let policy =
        failsafe::failure_policy::consecutive_failures(5, failsafe::backoff::constant(SECOND));
    let breaker = failsafe::Config::new().failure_policy(policy).build();
    bench(&mut group, system, "failsafe", async |calls| {
        for _ in 0..calls {
            black_box(&breaker).call(|| black_box(Ok::<(), ()>(()))).unwrap();
        }
    });
    bench_service(&mut group, system, "tower_resilience", circuit_breaker().layer(nothing));
    group.finish();

    let mut group = criterion.benchmark_group("retry_budget");
    let budget = TpsBudget::new(10 * SECOND, 10, 0.2);
    bench(&mut group, system, "tower", async |calls| {
        for _ in 0..calls {
            black_box(&budget).deposit();
        }
    });
    group.finish();
}

fn bulkhead() -> BulkheadLayer {
    BulkheadLayer::builder().max_concurrent_calls(PLACES).build().unwrap()
}

fn circuit_breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder().wait_duration_in_open(60 * SECOND).build().unwrap()
}

fn pipeline(criterion: &mut Criterion, system: &SystemRunner) {
    let mut group = criterion.benchmark_group("pipeline");
    bench_call(&mut group, system, "ours", &named(["retry", "breaker", "concurrency"]));

    let nothing = service_fn(async |()| Ok::<(), Infallible>(()));
    let retry = RetryLayer::builder().max_attempts(4).exponential_backoff(SECOND).build();
    let ours = layer(system, ["breaker", "concurrency"]).layer(nothing);
    bench_service(&mut group, system, "ours_layer", retry.layer(ours));

    let retry = RetryLayer::builder().max_attempts(4).exponential_backoff(SECOND).build();
    let breaker = circuit_breaker().layer(bulkhead().layer(nothing));
    bench_service(&mut group, system, "tower_resilience", retry.layer(breaker));
    group.finish();
}

fn policies(criterion: &mut Criterion) {
    let system = System::new();
    call(criterion, &system);
    peers(criterion, &system);
    pipeline(criterion, &system);
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500))
        .measurement_time(2 * SECOND);
    targets = policies
}
criterion_main!(benches);
