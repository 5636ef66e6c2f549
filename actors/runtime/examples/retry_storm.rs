//! A retry storm: what an upstream gets during an outage and after it, with and without a retry budget.
//!
//! ```text
//! cargo run -p resilience-actors --example retry_storm
//! ```
//!
//! Each second brings 100 calls, and the upstream can answer 150. It keeps up to 2 s of requests in a queue, and works
//! on a request to its end even if the caller has given it up after 1 s. For 10 s it fails at once. Then it could answer
//! every call again. But if each call makes four attempts, the queue is so long that every answer comes too late, so
//! each call makes four attempts. The clock is tokio's paused clock and jitter is seeded, so the output does not depend
//! on the machine.

use std::{cell::RefCell, error::Error, ops::Range, rc::Rc, time::Duration};

use resilience_actors::{Attempt, Breaker, Retry, RetryBudget, Upstream, UpstreamBuilder};
use tokio::time::{Instant, interval, sleep, sleep_until};

const CALLS_PER_SECOND: u32 = 100;
const ANSWERS_PER_SECOND: u32 = 150;
const LONGEST_QUEUE: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Of the run, in seconds.
const LENGTH: usize = 120;
const OUTAGE: Range<usize> = 20..30;
/// Long enough after the outage that all its calls have ended.
const AFTERWARDS: Range<usize> = 80..110;

#[expect(clippy::disallowed_methods, reason = "an upstream reads the same clock as its callers")]
fn now() -> Instant {
    Instant::now()
}

/// What happened in each second.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    calls: u32,
    attempts: u32,
    /// Calls that began in this second and succeeded.
    successes: u32,
}

/// The upstream, and what it has seen.
struct Backend {
    began: Instant,
    /// When it has done all that is in its queue.
    free_at: Instant,
    seconds: Vec<Second>,
}

impl Backend {
    fn new() -> Self {
        let now = now();
        Self { began: now, free_at: now, seconds: vec![Second::default(); 2 * LENGTH] }
    }

    fn this_second(&self) -> usize {
        usize::try_from(self.began.elapsed().as_secs()).unwrap_or(usize::MAX)
    }

    /// Takes a request into the queue. Returns when its answer is ready, unless the queue is full.
    fn queue(&mut self) -> Option<Instant> {
        let now = now();
        let begins = self.free_at.max(now);
        if begins - now > LONGEST_QUEUE {
            return None;
        }
        self.free_at = begins + Duration::from_secs(1) / ANSWERS_PER_SECOND;
        Some(self.free_at)
    }
}

async fn request(backend: Rc<RefCell<Backend>>, _: Attempt<'_>) -> Result<(), &'static str> {
    let answer_at = {
        let backend = &mut *backend.borrow_mut();
        let second = backend.this_second();
        backend.seconds[second].attempts += 1;
        if OUTAGE.contains(&second) { None } else { backend.queue() }
    };
    match answer_at {
        Some(at) => sleep_until(at).await,
        None => sleep(Duration::from_millis(10)).await,
    }
    answer_at.map(|_| ()).ok_or("unavailable")
}

/// Makes the calls of a whole run, and returns what happened in each second.
async fn run(upstream: &Upstream) -> Vec<Second> {
    let backend = Rc::new(RefCell::new(Backend::new()));
    let mut ticks = interval(Duration::from_secs(1) / CALLS_PER_SECOND);
    let mut calls = Vec::new();
    loop {
        ticks.tick().await;
        let second = backend.borrow().this_second();
        if second >= LENGTH {
            break;
        }
        backend.borrow_mut().seconds[second].calls += 1;
        let (upstream, backend) = (upstream.clone(), Rc::clone(&backend));
        calls.push(actix_rt::spawn(async move {
            let requests = Rc::clone(&backend);
            let answer = upstream.call(async move |attempt: Attempt<'_>| {
                request(Rc::clone(&requests), attempt).await
            });
            backend.borrow_mut().seconds[second].successes += u32::from(answer.await.is_ok());
        }));
    }
    for call in calls {
        // An error means that the call panicked.
        let _ = call.await;
    }
    backend.borrow().seconds.clone()
}

/// Sums up some seconds: attempts for each call, and the share of calls that succeeded.
fn sum(seconds: &[Second]) -> (f64, f64) {
    let total = |count: fn(&Second) -> u32| f64::from(seconds.iter().map(count).sum::<u32>());
    let calls = total(|second| second.calls);
    (total(|second| second.attempts) / calls, total(|second| second.successes) / calls)
}

fn variants() -> [(&'static str, UpstreamBuilder); 5] {
    let upstream = || Upstream::builder("upstream").timeout(TIMEOUT).seed(1);
    let retries = || upstream().retry(Retry::exponential(Duration::from_secs(1)).attempts(4));
    let budget = || RetryBudget::share(0.2).min_per_second(1.0);
    let breaker = || Breaker::failure_rate(0.5).over(Duration::from_secs(10));
    [
        ("no retries", upstream()),
        ("4 attempts", retries()),
        ("4 attempts, budget of 20 %", retries().retry_budget(budget())),
        ("4 attempts, breaker", retries().breaker(breaker())),
        ("4 attempts, budget and breaker", retries().retry_budget(budget()).breaker(breaker())),
    ]
}

#[expect(clippy::expect_used, reason = "a runtime without sockets cannot fail to start")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("{:<32}{:>24}{:>32}", "", "during the outage", "50 s to 80 s after it");
    println!("{:<32}{:>24}{:>16}{:>16}", "", "attempts a call", "attempts a call", "successes");
    for (name, upstream) in variants() {
        let system = actix_rt::System::with_tokio_rt(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_time().start_paused(true).build().expect("a runtime starts")
        });
        let seconds =
            system.block_on(async { Ok::<_, Box<dyn Error>>(run(&upstream.start()?).await) })?;
        let ((during, _), (after, successes)) = (sum(&seconds[OUTAGE]), sum(&seconds[AFTERWARDS]));
        println!("{name:<32}{during:>24.1}{after:>16.1}{:>14.0} %", 100.0 * successes);
    }
    Ok(())
}
