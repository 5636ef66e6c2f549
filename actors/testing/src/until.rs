//! Waiting for a condition, for a bounded time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Longer than anything in a test takes on a busy machine. What takes longer is a failure.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// The pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `is_so` is true. Panics with `what` if that takes longer than `patience`.
#[track_caller]
pub fn until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "{what}: not within {patience:?}");
        thread::sleep(PAUSE);
    }
}

/// [`until`] for a condition that is asked in this thread's runtime.
pub async fn until_async(what: &str, patience: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let waited = tokio::time::timeout(patience, waiting).await;
    assert!(waited.is_ok(), "{what}: not within {patience:?}");
}
