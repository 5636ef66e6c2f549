//! An upstream that is asked for three times what it can do, and refuses the rest, with and without throttling.
//!
//! A refusal costs the upstream a fifth of the work of an answer.

use std::{cell::RefCell, rc::Rc, time::Duration};

use rand::{SeedableRng as _, rngs::SmallRng};
use resilience_actors::{Attempt, CallError, Operation, Outcome, Throttle, Upstream, Verdict};
use tokio::time::{Instant, sleep_until};

use crate::{
    lab::{Size, exponential, now, paused},
    table::Table,
};

/// Mean time between two calls: 30 a second.
const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// The work of an answer: 10 a second.
const ANSWER: Duration = Duration::from_millis(100);
const REFUSAL: Duration = Duration::from_millis(20);
/// A request is refused if the upstream has this much work to do before it.
const LONGEST_QUEUE: Duration = Duration::from_millis(500);

pub(crate) fn run(size: Size) -> Table {
    // The rule looks at two minutes: until it has settled, in seconds, and then.
    let (settles, lasts) = match size {
        Size::Small => (60, 60),
        Size::Full => (240, 3_600),
    };
    let title = "Throttling: 30 calls a second to an upstream that can answer 10, a refusal costs it a fifth of an \
                 answer; each second";
    let columns = &["ratio", "answered", "refused", "rejected"];
    let mut table = Table::new(title, columns);
    for (name, ratio) in [("none", None), ("2", Some(2.0)), ("1.5", Some(1.5)), ("1.1", Some(1.1))]
    {
        let seen = measure(ratio.map(Throttle::ratio), [settles, lasts].map(Duration::from_secs));
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let [answered, refused, rejected] = [seen.answered, seen.refused, seen.rejected]
            .map(|count| format!("{:.1}", f64::from(count) / lasts as f64));
        table.add([name.to_owned(), answered, refused, rejected]);
    }
    table
}

/// What became of the calls.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    answered: u32,
    refused: u32,
    rejected: u32,
}

#[derive(Debug, Clone)]
struct Overloaded {
    /// When it has done all its work.
    free_at: Rc<RefCell<Instant>>,
}

impl Operation for Overloaded {
    /// False if the upstream refuses.
    type Answer = bool;
    type Error = String;

    async fn run(&self, _: Attempt<'_>) -> Result<bool, String> {
        let accepts = {
            let free_at = &mut *self.free_at.borrow_mut();
            let begins = (*free_at).max(now());
            let accepts = begins - now() <= LONGEST_QUEUE;
            *free_at = begins + if accepts { ANSWER } else { REFUSAL };
            accepts.then_some(*free_at)
        };
        if let Some(at) = accepts {
            sleep_until(at).await;
        }
        Ok(accepts.is_some())
    }

    fn classify(&self, result: &Result<bool, String>) -> Verdict {
        match result {
            Ok(false) => Outcome::Throttled.into(),
            _ => Outcome::Success.into(),
        }
    }
}

#[expect(clippy::expect_used, reason = "the settings are constant and valid, and no call panics")]
fn measure(throttle: Option<Throttle>, [settles, lasts]: [Duration; 2]) -> Seen {
    paused(async move {
        let mut builder = Upstream::builder("backend").seed(1);
        if let Some(throttle) = throttle {
            builder = builder.throttle(throttle);
        }
        let upstream = builder.start().expect("valid settings");
        let (mut rng, mut arrives) = (SmallRng::seed_from_u64(1), now());
        let (backend, seen) =
            (Overloaded { free_at: Rc::new(RefCell::new(now())) }, Rc::new(RefCell::default()));
        let mut calls = Vec::new();
        let counts_from = now() + settles;
        while arrives < counts_from + lasts {
            arrives += exponential(INTERVAL, &mut rng);
            sleep_until(arrives).await;
            let (upstream, backend, seen) = (upstream.clone(), backend.clone(), Rc::clone(&seen));
            calls.push(actix::spawn(async move {
                let report = upstream.run(backend).await;
                if arrives >= counts_from {
                    count(&mut seen.borrow_mut(), &report.result);
                }
            }));
        }
        for call in calls {
            call.await.expect("no panic");
        }
        seen.take()
    })
}

fn count(seen: &mut Seen, result: &Result<bool, CallError<String>>) {
    match result {
        Ok(true) => seen.answered += 1,
        Ok(false) => seen.refused += 1,
        Err(_) => seen.rejected += 1,
    }
}
