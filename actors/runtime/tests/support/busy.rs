//! An upstream that has every call wait once.

use std::convert::Infallible;

use resilience_actors::{Attempt, Outcome, Transport, Verdict};

/// Throttles each call's first attempt.
pub(crate) struct Busy;

impl Transport for Busy {
    type Request = ();
    type Response = u32;
    type Error = Infallible;

    async fn attempt(&self, (): &(), attempt: Attempt<'_>) -> Result<u32, Infallible> {
        Ok(attempt.number)
    }

    fn classify(&self, result: &Result<u32, Infallible>) -> Verdict {
        match result {
            Ok(1) => Outcome::Throttled.into(),
            _ => Outcome::Success.into(),
        }
    }

    fn is_idempotent(&self, (): &()) -> bool {
        true
    }
}
