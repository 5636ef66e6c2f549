//! Counts refused connections, and logs one line for each burst of them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::clock;

/// Refusals that are at most this far apart are one burst.
const BURST: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: AtomicU64,
    last: Mutex<Option<Instant>>,
}

impl Refusals {
    /// Counts a refusal. Returns true for the first of a burst.
    pub(super) fn count_one(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = clock::now();
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) > BURST)
    }

    /// Number of refusals since the start.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_the_first_refusal_of_a_burst_is_reported() {
        let refusals = Refusals::default();
        assert!(refusals.count_one());
        advance(BURST).await;
        assert!(!refusals.count_one(), "the burst goes on");
        advance(BURST + Duration::from_millis(1)).await;
        assert!(refusals.count_one(), "another burst");
        assert_eq!(refusals.count(), 3);
    }
}
