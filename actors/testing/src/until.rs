//! Waits for a condition, for a bounded time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Maximum time of any step of a test on a busy machine. A longer step is a failure.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Time between two checks of a condition.
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

/// As [`until`], for an async condition on this thread's runtime.
pub async fn until_async(what: &str, patience: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let waited = tokio::time::timeout(patience, waiting).await;
    assert!(waited.is_ok(), "{what}: not within {patience:?}");
}
