//! The only place in this crate that reads the clock.

use std::time::Instant;

/// The current time of tokio's clock, which tests can pause.
#[expect(clippy::disallowed_methods, reason = "all other code reads this function")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
