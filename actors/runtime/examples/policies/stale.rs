//! An outage, with and without a fallback to the last good answer to the same request.

use std::{cell::RefCell, collections::HashMap, ops::Range, rc::Rc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{Breaker, Upstream};
use tokio::time::{Instant, sleep};

use crate::{
    lab::{now, paused},
    table::Table,
};

/// Different requests. The n-th is asked for less often than those before it.
const REQUESTS: f64 = 250.0;
/// Time between two calls: 10 a second.
const INTERVAL: Duration = Duration::from_millis(100);
const OUTAGE: Range<Duration> = Duration::from_secs(120)..Duration::from_secs(220);
const LENGTH: Duration = Duration::from_secs(340);

/// A request, by its number.
type Key = u32;

pub(crate) fn run() -> Table {
    let title = "Stale answers: an outage of 100 s; 10 calls a second for 250 different requests; a circuit that opens for 30 s; share of the calls";
    let columns = &["max_age", "part", "good", "stale", "errors"];
    let mut table = Table::new(title, columns);
    for (name, max_age) in
        [("none", None), ("60 s", Some(60)), ("120 s", Some(120)), ("300 s", Some(300))]
    {
        let parts = measure(max_age.map(Duration::from_secs));
        for (part, answers) in ["before", "during", "after"].into_iter().zip(parts) {
            let calls = answers.good + answers.stale + answers.errors;
            let shares = [answers.good, answers.stale, answers.errors]
                .map(|count| format!("{:.4}", f64::from(count) / f64::from(calls)));
            let [good, stale, errors] = shares;
            table.add([name.to_owned(), part.to_owned(), good, stale, errors]);
        }
    }
    table
}

/// What the calls of a part of the run were answered with.
#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    good: u32,
    stale: u32,
    errors: u32,
}

impl Answers {
    fn add<E>(&mut self, answer: &Result<Answer, E>) {
        match answer {
            Ok(Answer::Good) => self.good += 1,
            Ok(Answer::Stale) => self.stale += 1,
            Err(_) => self.errors += 1,
        }
    }
}

enum Answer {
    Good,
    Stale,
}

/// When each request had its last good answer.
#[derive(Default)]
struct LastGood(HashMap<Key, Instant>);

impl LastGood {
    fn get(&self, key: Key, max_age: Option<Duration>) -> Option<Answer> {
        let age = self.0.get(&key)?.elapsed();
        max_age.filter(|max_age| age <= *max_age).map(|_| Answer::Stale)
    }
}

/// Returns the answers before, during and after the outage.
#[expect(clippy::expect_used, reason = "the settings are constant and valid")]
fn measure(max_age: Option<Duration>) -> [Answers; 3] {
    paused(async move {
        let upstream = Upstream::builder("backend").breaker(Breaker::consecutive(5));
        let upstream = upstream.start().expect("valid settings");
        let (mut rng, kept) =
            (SmallRng::seed_from_u64(1), Rc::new(RefCell::new(LastGood::default())));
        let (began, mut parts) = (now(), [Answers::default(); 3]);
        while began.elapsed() < LENGTH {
            let key = draw(&mut rng);
            let (keeps, up) = (Rc::clone(&kept), !OUTAGE.contains(&began.elapsed()));
            let attempt = async move |_: resilience_actors::Attempt<'_>| {
                if up {
                    keeps.borrow_mut().0.insert(key, now());
                }
                up.then_some(Answer::Good).ok_or("connection refused")
            };
            let answer = upstream.call_or(attempt, |_| kept.borrow().get(key, max_age)).await;
            let part = usize::from(began.elapsed() >= OUTAGE.start)
                + usize::from(began.elapsed() >= OUTAGE.end);
            parts[part].add(&answer);
            sleep(INTERVAL).await;
        }
        parts
    })
}

/// Half of all calls are for a quarter of the requests.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number below that of the requests"
)]
fn draw(rng: &mut SmallRng) -> Key {
    (REQUESTS * rng.random::<f64>().powi(2)) as Key
}
