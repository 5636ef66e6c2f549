//! An upstream that loses half of its capacity, behind a fixed and behind an adaptive concurrency limit.
//!
//! ```text
//! cargo run -p resilience-actors --example adaptive_limit
//! ```
//!
//! The upstream works on a number of requests at a time, 50 ms on each, and queues the others. A quarter more requests
//! arrive than it can take. The fixed limit fits the capacity at the start. Time is virtual: the table takes seconds.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use actix_rt::time::{interval, sleep};
use resilience_actors::{Concurrency, Upstream};
use tokio::sync::Semaphore;

const SERVICE: Duration = Duration::from_millis(50);
const SERVERS: u32 = 20;
/// Time between two requests: 500 a second.
const ARRIVALS: Duration = Duration::from_millis(2);
const SECONDS_A_ROW: u32 = 2;
const ARRIVALS_A_ROW: u32 = 1_000;
/// The rows in which the upstream has half of its servers.
const HALVED: std::ops::Range<u32> = 5..10;
const ROWS: u32 = 15;

/// What happened in the time of a row.
#[derive(Default)]
struct Row {
    latencies: RefCell<Vec<Duration>>,
    rejected: Cell<u32>,
}

impl Row {
    fn percentile(&self, percent: usize) -> u128 {
        let mut latencies = self.latencies.borrow_mut();
        latencies.sort();
        let at = latencies.len() * percent / 100;
        latencies.get(at).map_or(0, Duration::as_millis)
    }
}

async fn run(name: &str, concurrency: Concurrency) -> Result<(), Box<dyn std::error::Error>> {
    let upstream = Upstream::builder(name).concurrency(concurrency).start()?;
    let servers = Rc::new(Semaphore::new(SERVERS as usize));
    let mut arrivals = interval(ARRIVALS);
    println!("{name}\n time  capacity  limit    p50     p99   answered  rejected");
    for number in 0..ROWS {
        if number == HALVED.start {
            let servers = Rc::clone(&servers);
            actix_rt::spawn(async move {
                if let Ok(half) = servers.acquire_many(SERVERS / 2).await {
                    half.forget();
                }
            });
        }
        if number == HALVED.end {
            servers.add_permits(SERVERS as usize / 2);
        }
        let row = Rc::new(Row::default());
        for _ in 0..ARRIVALS_A_ROW {
            arrivals.tick().await;
            arrive(&upstream, &servers, &row);
        }
        let limit = upstream.concurrency().map_or(0, |limit| limit.snapshot().max);
        println!(
            "{:>3} s  {:>8}  {limit:>5}  {:>3} ms  {:>4} ms  {:>6}/s  {:>6}/s",
            SECONDS_A_ROW * (number + 1),
            if HALVED.contains(&number) { SERVERS / 2 } else { SERVERS },
            row.percentile(50),
            row.percentile(99),
            row.latencies.borrow().len() / SECONDS_A_ROW as usize,
            row.rejected.get() / SECONDS_A_ROW,
        );
    }
    println!();
    Ok(())
}

fn arrive(upstream: &Upstream, servers: &Rc<Semaphore>, row: &Rc<Row>) {
    let (upstream, servers, row) = (upstream.clone(), Rc::clone(servers), Rc::clone(row));
    actix_rt::spawn(async move {
        let call = upstream.report(async move |_| {
            let _server = servers.acquire().await?;
            sleep(SERVICE).await;
            Ok::<_, tokio::sync::AcquireError>(())
        });
        let report = call.await;
        match report.result {
            Ok(()) => row.latencies.borrow_mut().push(report.elapsed),
            Err(_) => row.rejected.set(row.rejected.get() + 1),
        }
    });
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build()?;
    let mut runtime = Some(runtime);
    #[expect(clippy::expect_used, reason = "the system asks once")]
    let system = actix_rt::System::with_tokio_rt(|| runtime.take().expect("one runtime"));
    system.block_on(async {
        run("at most 25", Concurrency::at_most(25)).await?;
        run("adaptive", Concurrency::adaptive(4..=200)).await
    })
}
