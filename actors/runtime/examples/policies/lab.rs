//! A driven clock, an upstream of limited capacity, times by chance, and quantiles.

use std::{rc::Rc, time::Duration};

use rand::{Rng, RngExt as _};
use tokio::sync::Semaphore;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    /// Takes seconds, also in a debug build.
    Small,
    /// What docs/experiments.md shows.
    Full,
}

/// Runs an experiment in an actix system whose clock stands still while a task can run, and jumps to the next timer
/// when none can.
#[expect(clippy::expect_used, reason = "a runtime without sockets cannot fail to start")]
pub(crate) fn paused<T>(experiment: impl Future<Output = T>) -> T {
    let system = actix::System::with_tokio_rt(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().expect("a runtime starts")
    });
    system.block_on(experiment)
}

#[expect(clippy::disallowed_methods, reason = "an experiment reads the clock that it drives")]
pub(crate) fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// An exponentially distributed time.
pub(crate) fn exponential(mean: Duration, rng: &mut impl Rng) -> Duration {
    mean.mul_f64(-(1.0 - rng.random::<f64>()).ln())
}

/// The time that this share of `times` does not exceed, by the nearest rank. Zero if there are none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a small number"
)]
pub(crate) fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Milliseconds, for a table.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1_000.0)
}

/// An upstream that works on a number of requests at a time and queues the others. Clones are the same upstream.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    free: Rc<Semaphore>,
    takes: Duration,
}

impl Servers {
    pub(crate) fn new(count: usize, takes: Duration) -> Self {
        Self { free: Rc::new(Semaphore::new(count)), takes }
    }

    /// Returns when the request has been worked on.
    #[expect(clippy::expect_used, reason = "the semaphore is never closed")]
    pub(crate) async fn answer(&self) {
        let _server = self.free.acquire().await.expect("an open semaphore");
        tokio::time::sleep(self.takes).await;
    }
    /// Adds capacity for so many requests at a time.
    pub(crate) fn add(&self, count: usize) {
        self.free.add_permits(count);
    }

    /// Removes capacity for so many requests at a time, as soon as it is free.
    #[expect(clippy::expect_used, reason = "the semaphore is never closed")]
    pub(crate) fn remove(&self, count: u32) {
        let free = Rc::clone(&self.free);
        actix::spawn(async move {
            free.acquire_many(count).await.expect("an open semaphore").forget();
        });
    }
}
