//! An upstream that answers 5 % of its requests late, with and without hedging.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use futures::future::join_all;
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{Hedge, Upstream};

use crate::{
    lab::{Size, exponential, millis, paused, quantile},
    table::Table,
};

/// Time between two calls: 100 a second.
const INTERVAL: Duration = Duration::from_millis(10);
/// An answer takes 10 ms and an exponentially distributed time with this mean.
const MEAN: Duration = Duration::from_millis(10);
/// Share of answers that take longer.
const SLOW: f64 = 0.05;
/// By how much.
const DELAY: Duration = Duration::from_secs(1);

pub(crate) fn run(size: Size) -> Table {
    let calls = match size {
        Size::Small => 2_000,
        Size::Full => 20_000,
    };
    let title = format!(
        "Hedging: 5 % of the answers take 1 s longer; {calls} calls, 100 a second; latency in ms"
    );
    let columns = &["hedge", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "extra_requests"];
    let mut table = Table::new(title, columns);
    for (name, hedge) in [
        ("none", None),
        ("after 200 ms", Some(Hedge::after(Duration::from_millis(200)))),
        ("after 50 ms", Some(Hedge::after(Duration::from_millis(50)))),
        ("after p90", Some(Hedge::after_percentile(0.9))),
        ("after p90 up to 2", Some(Hedge::after_percentile(0.9).at_most(2))),
    ] {
        let Measured { latencies, requests } = measure(hedge, calls);
        let at = |share| millis(quantile(&latencies, share));
        let [p50, p90, p95, p99, p999] = [0.5, 0.9, 0.95, 0.99, 0.999].map(at);
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let extra = format!("{:.4}", requests as f64 / calls as f64 - 1.0);
        table.add([name.to_owned(), p50, p90, p95, p99, p999, extra]);
    }
    table
}

struct Measured {
    latencies: Vec<Duration>,
    requests: usize,
}

#[expect(
    clippy::expect_used,
    reason = "the settings are constant, and the upstream always answers"
)]
fn measure(hedge: Option<Hedge>, count: usize) -> Measured {
    paused(async {
        let mut upstream = Upstream::builder("slow");
        if let Some(hedge) = hedge {
            upstream = upstream.hedge(hedge);
        }
        let upstream = upstream.start().expect("valid settings");
        let rng = Rc::new(RefCell::new(SmallRng::seed_from_u64(1)));
        let requests = Rc::new(Cell::new(0));
        let mut calls = Vec::new();
        for _ in 0..count {
            tokio::time::sleep(INTERVAL).await;
            let (upstream, rng, requests) =
                (upstream.clone(), Rc::clone(&rng), Rc::clone(&requests));
            calls.push(actix::spawn(async move {
                let call = upstream.report(async move |_| {
                    requests.set(requests.get() + 1);
                    let takes = takes(&mut *rng.borrow_mut());
                    tokio::time::sleep(takes).await;
                    Ok::<_, String>(())
                });
                call.await.elapsed
            }));
        }
        let latencies = join_all(calls).await.into_iter().map(|call| call.expect("no panic"));
        Measured { latencies: latencies.collect(), requests: requests.get() }
    })
}

fn takes(rng: &mut impl Rng) -> Duration {
    let slow = rng.random::<f64>() < SLOW;
    MEAN + exponential(MEAN, rng) + if slow { DELAY } else { Duration::ZERO }
}
