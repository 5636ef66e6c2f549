//! The one place where this crate reads the clock.

use std::time::Instant;

/// Now, on tokio's clock: in tests with paused time it stands still.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
