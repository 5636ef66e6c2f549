//! An upstream that fails, dies and comes back, seen through circuit breaker and retries.
//!
//! ```text
//! cargo run -p resilience-actors --example flaky_upstream
//! ```
//!
//! The log on stderr has a line for each retry and each transition.

use std::{cell::Cell, rc::Rc, time::Duration};

use actix_rt::time::sleep;
use resilience_actors::{
    Attempt, BreakerSettings, Operation, Outcome, Retry, State, Upstream, Verdict,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    /// Fails twice, then answers; and again.
    Flaky,
    Dead,
    Well,
}

#[derive(Clone)]
struct Get {
    mood: Rc<Cell<Mood>>,
    attempts: Rc<Cell<u32>>,
}

#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
struct Refused;

impl Operation for Get {
    /// An HTTP status, for instance.
    type Answer = u16;
    type Error = Refused;

    async fn run(&self, _: Attempt<'_>) -> Result<u16, Refused> {
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
        Verdict { code, ..outcome.into() }
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::Builder::new().filter_level(log::LevelFilter::Info).init();
    let upstream = Upstream::builder("flaky")
        .breaker(BreakerSettings {
            reset_timeout: Duration::from_millis(500),
            ..BreakerSettings::default()
        })
        .retry(Retry::exponential(Duration::from_millis(50)))
        .timeout(Duration::from_secs(1))
        .start()?;
    let mood = Rc::new(Cell::new(Mood::Flaky));
    let get = Get { mood: Rc::clone(&mood), attempts: Rc::default() };

    let report = upstream.run(get.clone()).await;
    println!("flaky: {:?} after {} attempts", report.result?, report.attempts.len());

    mood.set(Mood::Dead);
    while upstream.state() != State::Open {
        let report = upstream.run(get.clone()).await;
        println!("dead: {}", report.result.err().map_or_else(String::new, |e| e.to_string()));
    }
    let report = upstream.run(get.clone()).await;
    println!("open: rejected in {:?}", report.elapsed);

    mood.set(Mood::Well);
    while upstream.state() != State::HalfOpen {
        sleep(Duration::from_millis(20)).await;
    }
    let report = upstream.run(get).await;
    println!("well again: {:?}, circuit {}", report.result?, report.state);
    Ok(())
}
