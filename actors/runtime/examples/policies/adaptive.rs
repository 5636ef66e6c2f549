//! An upstream that loses half of its capacity for a while, behind a fixed and behind an adaptive concurrency limit.
//!
//! A quarter more requests arrive than it can take. The fixed limit fits the capacity at the start.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use resilience_actors::{Concurrency, Upstream};
use tokio::time::interval;

use crate::{
    lab::{Servers, Size, millis, paused, quantile},
    table::Table,
};

/// The upstream works on so many requests at a time,
const SERVERS: u32 = 20;
/// and so long on each: 400 a second.
const TAKES: Duration = Duration::from_millis(50);
const CALLS_PER_SECOND: u32 = 500;

pub(crate) fn run(size: Size) -> Table {
    // Of each part, in seconds: before, during and after the loss.
    let part = match size {
        Size::Small => 3,
        Size::Full => 10,
    };
    let title = "Adaptive limit: 500 calls a second, of which the upstream can answer 400, and 200 while it has half of \
                 its capacity; each second";
    let columns = &[
        "limit",
        "second",
        "capacity",
        "max_in_flight",
        "p50_ms",
        "p99_ms",
        "answered",
        "rejected",
    ];
    let mut table = Table::new(title, columns);
    for (name, concurrency) in
        [("fixed", Concurrency::at_most(25)), ("adaptive", Concurrency::adaptive(4..=200))]
    {
        for (second, seen) in (1_u32..).zip(measure(concurrency, part)) {
            let latencies = seen.latencies.borrow();
            let [p50, p99] = [0.5, 0.99].map(|share| millis(quantile(&latencies, share)));
            let (capacity, limit) = (seen.capacity.to_string(), seen.limit.get().to_string());
            let (answered, rejected) =
                (latencies.len().to_string(), seen.rejected.get().to_string());
            table.add([
                name.to_owned(),
                second.to_string(),
                capacity,
                limit,
                p50,
                p99,
                answered,
                rejected,
            ]);
        }
    }
    table
}

/// What became of the calls that began in one second.
#[derive(Debug)]
struct Second {
    /// The number of requests that the upstream works on at a time.
    capacity: u32,
    /// The limit at the end of the second.
    limit: Cell<usize>,
    latencies: RefCell<Vec<Duration>>,
    rejected: Cell<usize>,
}

#[expect(clippy::expect_used, reason = "the settings are constant and valid, and no call panics")]
fn measure(concurrency: Concurrency, part: usize) -> Vec<Rc<Second>> {
    paused(async move {
        let upstream = Upstream::builder("backend").concurrency(concurrency);
        let upstream = upstream.start().expect("valid settings");
        let servers = Servers::new(SERVERS as usize, TAKES);
        let mut arrivals = interval(Duration::from_secs(1) / CALLS_PER_SECOND);
        let (mut seconds, mut calls) = (Vec::new(), Vec::new());
        for second in 0..3 * part {
            let halved = (part..2 * part).contains(&second);
            if second == part {
                servers.remove(SERVERS / 2);
            } else if second == 2 * part {
                servers.add(SERVERS as usize / 2);
            }
            let seen = Rc::new(Second {
                capacity: if halved { SERVERS / 2 } else { SERVERS },
                limit: Cell::default(),
                latencies: RefCell::default(),
                rejected: Cell::default(),
            });
            for _ in 0..CALLS_PER_SECOND {
                arrivals.tick().await;
                calls.push(actix::spawn(call(upstream.clone(), servers.clone(), Rc::clone(&seen))));
            }
            let limit = upstream.concurrency().expect("a limit").snapshot().max;
            seen.limit.set(limit);
            seconds.push(seen);
        }
        for call in calls {
            call.await.expect("no panic");
        }
        seconds
    })
}

async fn call(upstream: Upstream, servers: Servers, seen: Rc<Second>) {
    let attempt = async move |_: resilience_actors::Attempt<'_>| {
        servers.answer().await;
        Ok::<_, String>(())
    };
    let report = upstream.report(attempt).await;
    match report.result {
        Ok(()) => seen.latencies.borrow_mut().push(report.elapsed),
        Err(_) => seen.rejected.set(seen.rejected.get() + 1),
    }
}
