//! Counts events, and tells the first of each burst.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Events that are at most this far apart are one burst.
const BURST: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Bursts {
    count: AtomicUsize,
    last: Mutex<Option<Instant>>,
}

impl Bursts {
    /// Counts an event. Returns true for the first of a burst.
    pub(super) fn count_one(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) > BURST)
    }

    /// Number of events since the start.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_the_first_event_of_a_burst_is_reported() {
        let events = Bursts::default();
        assert!(events.count_one());
        advance(BURST).await;
        assert!(!events.count_one(), "the burst goes on");
        advance(BURST + Duration::from_millis(1)).await;
        assert!(events.count_one(), "another burst");
        assert_eq!(events.count(), 3);
    }
}
