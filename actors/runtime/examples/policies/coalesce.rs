//! Many calls for the same few answers, with and without coalescing.

use std::{cell::Cell, rc::Rc, time::Duration};

use futures::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{Coalescer, Upstream};
use tokio::time::sleep_until;

use crate::{
    lab::{Servers, Size, exponential, millis, now, paused, quantile},
    table::Table,
};

/// Different requests, each asked for as often as the others.
const REQUESTS: u32 = 20;
/// The upstream works on so many requests at a time,
const SERVERS: usize = 20;
/// and so long on each: 400 a second.
const TAKES: Duration = Duration::from_millis(50);

pub(crate) fn run(size: Size) -> Table {
    let seconds = match size {
        Size::Small => 2,
        Size::Full => 10,
    };
    let lasts = Duration::from_secs(seconds);
    let title = format!(
        "Coalescing: calls for 20 different requests during {seconds} s; the upstream can answer 400 a second, each in \
         50 ms; latency in ms"
    );
    let columns = &["coalesce", "calls_per_second", "requests_per_second", "p50_ms", "p99_ms"];
    let mut table = Table::new(title, columns);
    for (name, coalesce) in [("off", false), ("on", true)] {
        for rate in [100, 300, 500] {
            let Measured { latencies, requests } = measure(coalesce, rate, lasts);
            let [p50, p99] = [0.5, 0.99].map(|share| millis(quantile(&latencies, share)));
            let requests = format!("{:.0}", f64::from(requests) / lasts.as_secs_f64());
            table.add([name.to_owned(), rate.to_string(), requests, p50, p99]);
        }
    }
    table
}

struct Measured {
    latencies: Vec<Duration>,
    requests: u32,
}

#[expect(clippy::expect_used, reason = "the upstream has no settings, and no call panics")]
fn measure(coalesce: bool, rate: u32, lasts: Duration) -> Measured {
    paused(async move {
        let upstream = Upstream::builder("backend").start().expect("valid settings");
        let (servers, coalescer) = (Servers::new(SERVERS, TAKES), Coalescer::new());
        let requests = Rc::new(Cell::new(0));
        let (mut rng, mut calls) = (SmallRng::seed_from_u64(1), Vec::new());
        let (began, mut arrives) = (now(), now());
        while began.elapsed() < lasts {
            arrives += exponential(Duration::from_secs(1) / rate, &mut rng);
            sleep_until(arrives).await;
            let key = rng.random_range(0..REQUESTS);
            let (upstream, servers, requests) =
                (upstream.clone(), servers.clone(), Rc::clone(&requests));
            let call = async move || {
                let attempt = async move |_: resilience_actors::Attempt<'_>| {
                    requests.set(requests.get() + 1);
                    servers.answer().await;
                    Ok::<_, String>(())
                };
                upstream.call(attempt).await.is_ok()
            };
            let coalescer = coalescer.clone();
            calls.push(actix::spawn(async move {
                let began = now();
                let answered = if coalesce {
                    coalescer.call(key, call).await.expect("no panic")
                } else {
                    call().await
                };
                assert!(answered, "the upstream always answers");
                began.elapsed()
            }));
        }
        let latencies = join_all(calls).await.into_iter().map(|call| call.expect("no panic"));
        Measured { latencies: latencies.collect(), requests: requests.get() }
    })
}
