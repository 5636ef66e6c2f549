//! The one place that reads the clocks.

use std::time::{Instant, SystemTime};

/// The current time of the runtime this runs on: tokio's clock, so that a test that pauses and
/// advances it drives every actor in the crate.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The date, for people to read: nothing is decided by it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn date() -> SystemTime {
    SystemTime::now()
}
