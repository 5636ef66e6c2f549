//! An upstream that fails, dies and comes back, seen through breaker and retry scheduler.
//!
//! ```text
//! cargo run -p resilience-actors --example flaky_upstream
//! ```
//!
//! Everything that a program needs is here: a [`Transport`] of its own, one [`Breaker`] on an
//! arbiter of its own, one [`Scheduler`] on the thread that makes the calls. The log on stderr tells
//! each retry and each transition.

use std::{cell::Cell, rc::Rc, time::Duration};

use actix_rt::time::sleep;
use resilience_actors::{
    Attempt, Breaker, BreakerConfig, BreakerSettings, CallLimit, Outcome, Protection, RetryConfig,
    RetrySettings, Scheduler, State, Transport, Verdict,
};

/// How the upstream is today.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    /// Fails twice, then answers; and again.
    Flaky,
    Dead,
    Well,
}

struct Upstream {
    mood: Rc<Cell<Mood>>,
    attempts: Cell<u32>,
}

#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
struct Refused;

impl Transport for Upstream {
    type Request = &'static str;
    /// An HTTP status, for instance.
    type Response = u16;
    type Error = Refused;

    async fn attempt(&self, _request: &&'static str, _: Attempt<'_>) -> Result<u16, Refused> {
        sleep(Duration::from_millis(5)).await;
        self.attempts.set(self.attempts.get() + 1);
        match self.mood.get() {
            Mood::Flaky if !self.attempts.get().is_multiple_of(3) => Ok(500),
            Mood::Flaky | Mood::Well => Ok(200),
            Mood::Dead => Err(Refused),
        }
    }

    fn classify(&self, result: &Result<u16, Refused>) -> Verdict {
        let (outcome, code) = match *result {
            Ok(code @ 200..=299) => (Outcome::Success, Some(code)),
            Ok(code) => (Outcome::ServerError, Some(code)),
            Err(Refused) => (Outcome::Unreachable, None),
        };
        Verdict { outcome, code, retry_after: None }
    }

    fn is_idempotent(&self, request: &&'static str) -> bool {
        *request == "GET"
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::Builder::new().filter_level(log::LevelFilter::Info).init();
    let home = actix_rt::Arbiter::new();
    let breaker = Breaker::start_on(
        BreakerConfig::try_from(BreakerSettings {
            reset_timeout: Duration::from_millis(500),
            ..Default::default()
        })?,
        &home.handle(),
    );
    let mood = Rc::new(Cell::new(Mood::Flaky));
    let scheduler = Scheduler::start(
        Upstream { mood: Rc::clone(&mood), attempts: Cell::new(0) },
        RetryConfig::try_from(RetrySettings {
            base_delay: Duration::from_millis(50),
            ..Default::default()
        })?,
        breaker.clone(),
        CallLimit::new(100),
    );

    let report = scheduler.call("GET", Protection::Full).await;
    println!("flaky: {:?} after {} attempts", report.result?, report.attempts.len());

    mood.set(Mood::Dead);
    while breaker.state() != State::Open {
        let report = scheduler.call("GET", Protection::Full).await;
        println!("dead: {}", report.result.err().map_or_else(String::new, |e| e.to_string()));
    }
    let report = scheduler.call("GET", Protection::Full).await;
    println!("open: rejected in {:?}", report.elapsed);

    mood.set(Mood::Well);
    while breaker.state() != State::HalfOpen {
        sleep(Duration::from_millis(20)).await;
    }
    let report = scheduler.call("GET", Protection::Full).await;
    println!("well again: {:?}, circuit {}", report.result?, report.state);
    Ok(())
}
