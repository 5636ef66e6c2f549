//! An upstream that asks for a minute without calls, with and without a quiet period for all of them.

use std::{cell::Cell, rc::Rc, time::Duration};

use resilience_actors::{Attempt, Operation, Outcome, QuietPeriod, Retry, Upstream, Verdict};
use tokio::time::{Instant, sleep};

use crate::{
    lab::{now, paused},
    table::Table,
};

/// How long the upstream refuses calls, and asks for no calls.
const REFUSES: Duration = Duration::from_secs(60);
/// Time between two calls: 100 a second.
const INTERVAL: Duration = Duration::from_millis(10);
/// How long calls are made.
const LASTS: Duration = Duration::from_secs(90);

pub(crate) fn run() -> Table {
    let title = "Quiet period: an upstream answers 429 with Retry-After for 60 s; 100 calls a second, each with up to 4 \
                 attempts within 30 s";
    let columns =
        &["retry_after_scope", "requests_in_first_s", "requests_in_60_s", "first_success_s"];
    let mut table = Table::new(title, columns);
    for (name, quiet) in [("call", None), ("upstream", Some(QuietPeriod::default()))] {
        let Refusing { first_second, refused, first_success, .. } = measure(quiet);
        let success =
            first_success.get().map_or_else(String::new, |at| format!("{:.1}", at.as_secs_f64()));
        let (first_second, refused) = (first_second.get(), refused.get());
        table.add([name.to_owned(), first_second.to_string(), refused.to_string(), success]);
    }
    table
}

/// The upstream, and what it has seen.
#[derive(Debug, Clone)]
struct Refusing {
    since: Instant,
    first_second: Rc<Cell<u32>>,
    refused: Rc<Cell<u32>>,
    first_success: Rc<Cell<Option<Duration>>>,
}

impl Operation for Refusing {
    /// How long the upstream asks to wait, if it refuses the request.
    type Answer = Option<Duration>;
    type Error = String;

    async fn run(&self, _: Attempt<'_>) -> Result<Option<Duration>, String> {
        let past = self.since.elapsed();
        let left = REFUSES.checked_sub(past).filter(|left| !left.is_zero());
        if left.is_some() {
            self.refused.set(self.refused.get() + 1);
            self.first_second.set(self.first_second.get() + u32::from(past.as_secs() == 0));
        } else {
            self.first_success.set(self.first_success.get().or(Some(past)));
        }
        Ok(left)
    }

    fn classify(&self, result: &Result<Option<Duration>, String>) -> Verdict {
        match result {
            Ok(Some(left)) => Verdict { retry_after: Some(*left), ..Outcome::Throttled.into() },
            _ => Outcome::Success.into(),
        }
    }
}

#[expect(clippy::expect_used, reason = "the settings are constant and valid")]
fn measure(quiet: Option<QuietPeriod>) -> Refusing {
    paused(async move {
        let retry = Retry::exponential(Duration::from_secs(1));
        let mut builder = Upstream::builder("backend").retry(retry).seed(1);
        builder = builder.deadline(Duration::from_secs(30));
        if let Some(quiet) = quiet {
            builder = builder.quiet_period(quiet);
        }
        let upstream = builder.start().expect("valid settings");
        let refusing = Refusing {
            since: now(),
            first_second: Rc::default(),
            refused: Rc::default(),
            first_success: Rc::default(),
        };
        while refusing.since.elapsed() < LASTS {
            let (upstream, operation) = (upstream.clone(), refusing.clone());
            actix::spawn(async move { upstream.run(operation).await });
            sleep(INTERVAL).await;
        }
        refusing
    })
}
