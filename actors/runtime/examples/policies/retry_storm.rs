//! A retry storm: what an upstream gets during an outage and after it, with and without a retry budget.
//!
//! The upstream can answer half as many calls again as are made. It keeps up to 2 s of requests in a queue, and works
//! on a request to its end even if the caller has given it up after 1 s. For 10 s it fails at once. Then it could
//! answer every call again. But if each call makes four attempts, the queue is so long that every answer comes too
//! late, so each call makes four attempts.

use std::{cell::RefCell, ops::Range, rc::Rc, time::Duration};

use resilience_actors::{Breaker, Retry, RetryBudget, Upstream, UpstreamBuilder};
use tokio::time::{Instant, interval, sleep, sleep_until};

use crate::{
    lab::{Size, now, paused},
    table::Table,
};

const LONGEST_QUEUE: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Of the run, in seconds.
const LENGTH: usize = 120;
const OUTAGE: Range<usize> = 20..30;
/// Long enough after the outage that all its calls have ended.
const AFTERWARDS: Range<usize> = 80..110;

pub(crate) fn run(size: Size) -> Table {
    let load = match size {
        Size::Small => Load { calls_per_second: 10, answers_per_second: 15 },
        Size::Full => Load { calls_per_second: 100, answers_per_second: 150 },
    };
    let title = format!(
        "Retry storm: an outage of 10 s; {} calls a second, and {} answers at most; afterwards is 50 s to 80 s after \
         the outage",
        load.calls_per_second, load.answers_per_second
    );
    let columns = &[
        "policy",
        "attempts_a_call_during",
        "successes_during",
        "attempts_a_call_after",
        "successes_after",
    ];
    let mut table = Table::new(title, columns);
    for (name, upstream) in variants() {
        let seconds = measure(upstream, load);
        let [during, afterwards] = [OUTAGE, AFTERWARDS].map(|part| sum(&seconds[part]));
        table.add([name.to_owned()].into_iter().chain(during).chain(afterwards));
    }
    table
}

fn variants() -> [(&'static str, UpstreamBuilder); 5] {
    let upstream = || Upstream::builder("upstream").timeout(TIMEOUT).seed(1);
    let retries = || upstream().retry(Retry::exponential(Duration::from_secs(1)).attempts(4));
    let budget = || RetryBudget::share(0.2).min_per_second(1.0);
    let breaker = || Breaker::failure_rate(0.5).over(Duration::from_secs(10));
    [
        ("no retries", upstream()),
        ("4 attempts", retries()),
        ("4 attempts with budget", retries().retry_budget(budget())),
        ("4 attempts with breaker", retries().breaker(breaker())),
        ("4 attempts with both", retries().retry_budget(budget()).breaker(breaker())),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Load {
    calls_per_second: u32,
    answers_per_second: u32,
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
    /// The time of one answer.
    takes: Duration,
    /// When it has done all that is in its queue.
    free_at: Instant,
    seconds: Vec<Second>,
}

impl Backend {
    fn new(answers_per_second: u32) -> Self {
        let (now, takes) = (now(), Duration::from_secs(1) / answers_per_second);
        Self { began: now, takes, free_at: now, seconds: vec![Second::default(); 2 * LENGTH] }
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
        self.free_at = begins + self.takes;
        Some(self.free_at)
    }
}

async fn request(backend: &RefCell<Backend>) -> Result<(), &'static str> {
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
#[expect(clippy::expect_used, reason = "the settings are constant and valid")]
fn measure(upstream: UpstreamBuilder, load: Load) -> Vec<Second> {
    paused(async {
        let upstream = upstream.start().expect("valid settings");
        let backend = Rc::new(RefCell::new(Backend::new(load.answers_per_second)));
        let mut ticks = interval(Duration::from_secs(1) / load.calls_per_second);
        let mut calls = Vec::new();
        loop {
            ticks.tick().await;
            let second = backend.borrow().this_second();
            if second >= LENGTH {
                break;
            }
            calls.push(actix::spawn(call(upstream.clone(), Rc::clone(&backend), second)));
        }
        for call in calls {
            call.await.expect("no panic");
        }
        backend.borrow().seconds.clone()
    })
}

async fn call(upstream: Upstream, backend: Rc<RefCell<Backend>>, second: usize) {
    backend.borrow_mut().seconds[second].calls += 1;
    let requests = Rc::clone(&backend);
    let answer = upstream.call(async move |_| request(&requests).await).await;
    backend.borrow_mut().seconds[second].successes += u32::from(answer.is_ok());
}

/// Sums up some seconds: attempts for each call, and the share of calls that succeeded.
fn sum(seconds: &[Second]) -> [String; 2] {
    let total = |count: fn(&Second) -> u32| f64::from(seconds.iter().map(count).sum::<u32>());
    let calls = total(|second| second.calls);
    let (attempts, successes) = (total(|second| second.attempts), total(|second| second.successes));
    [format!("{:.2}", attempts / calls), format!("{:.4}", successes / calls)]
}
