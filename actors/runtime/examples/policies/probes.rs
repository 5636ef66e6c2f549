//! An upstream that fails now and then, with and without probes while the circuit is open.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{Breaker, Probe, State, Upstream};
use tokio::time::sleep;

use crate::{
    lab::{Size, now, paused, quantile},
    table::Table,
};

/// The length of an outage, in milliseconds.
const LENGTHS: std::ops::Range<u64> = 1_000..120_000;
/// Time between the end of a recovery and the next outage.
const HEALTHY: Duration = Duration::from_secs(20);
/// Time between two calls.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often the state is looked at.
const TICK: Duration = Duration::from_millis(10);

pub(crate) fn run(size: Size) -> Table {
    let outages = match size {
        Size::Small => 5,
        Size::Full => 200,
    };
    let title = format!(
        "Probes: time from the upstream's return to the closed circuit; {outages} outages of 1 to 120 s, 10 calls a \
         second, an open time of 30 s; the circuit is half-open after 2 successes"
    );
    let columns = &["probes", "p50_s", "p90_s", "max_s", "failed_calls_each", "probes_each"];
    let mut table = Table::new(title, columns);
    let every = |millis| Probe::every(Duration::from_millis(millis)).successes(2);
    for (name, probe) in [
        ("none", None),
        ("each 5 s", Some(every(5_000))),
        ("each 1 s", Some(every(1_000))),
        ("each 200 ms", Some(every(200))),
    ] {
        let Measured { recoveries, failed, probes } = measure(probe, outages);
        let [p50, p90, max] = [0.5, 0.9, 1.0]
            .map(|share| format!("{:.1}", quantile(&recoveries, share).as_secs_f64()));
        let each = |count: u32| format!("{:.1}", f64::from(count) / f64::from(outages));
        table.add([name.to_owned(), p50, p90, max, each(failed), each(probes)]);
    }
    table
}

struct Measured {
    recoveries: Vec<Duration>,
    failed: u32,
    probes: u32,
}

#[expect(clippy::expect_used, reason = "the settings are constant and valid")]
fn measure(probe: Option<Probe>, outages: u32) -> Measured {
    paused(async move {
        let (up, probes) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let mut builder = Upstream::builder("backend").breaker(Breaker::consecutive(5));
        if let Some(probe) = probe {
            let (up, probes) = (Arc::clone(&up), Arc::clone(&probes));
            builder = builder.probe(probe, move || {
                async move || {
                    probes.fetch_add(1, Ordering::Relaxed);
                    answer(&up)
                }
            });
        }
        let upstream = builder.start().expect("valid settings");
        let failed = Rc::new(Cell::new(0));
        let caller =
            actix::spawn(call_again_and_again(upstream.clone(), up.clone(), failed.clone()));
        let (mut rng, mut recoveries) = (SmallRng::seed_from_u64(1), Vec::new());
        for _ in 0..outages {
            sleep(HEALTHY).await;
            up.store(false, Ordering::Relaxed);
            sleep(Duration::from_millis(rng.random_range(LENGTHS))).await;
            up.store(true, Ordering::Relaxed);
            let returned = now();
            while upstream.state() != State::Closed {
                sleep(TICK).await;
            }
            recoveries.push(returned.elapsed());
        }
        caller.abort();
        let probes = u32::try_from(probes.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        Measured { recoveries, failed: failed.get(), probes }
    })
}

/// Makes a call every [`INTERVAL`], and counts those that the upstream failed.
async fn call_again_and_again(upstream: Upstream, up: Arc<AtomicBool>, failed: Rc<Cell<u32>>) {
    loop {
        let (asked, failed) = (Arc::clone(&up), Rc::clone(&failed));
        let call = upstream.call(async move |_| {
            let answer = answer(&asked);
            failed.set(failed.get() + u32::from(answer.is_err()));
            answer
        });
        // An error is counted where it happens.
        let _ = call.await;
        sleep(INTERVAL).await;
    }
}

fn answer(up: &AtomicBool) -> Result<(), &'static str> {
    if up.load(Ordering::Relaxed) { Ok(()) } else { Err("connection refused") }
}
