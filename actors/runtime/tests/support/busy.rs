//! An upstream that makes every call wait once.

use std::convert::Infallible;

use resilience_actors::{Attempt, Operation, Outcome, Verdict};

/// Throttles each call's first attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Busy;

impl Operation for Busy {
    type Answer = u32;
    type Error = Infallible;

    async fn run(&self, attempt: Attempt<'_>) -> Result<u32, Infallible> {
        Ok(attempt.number)
    }

    fn classify(&self, result: &Result<u32, Infallible>) -> Verdict {
        match result {
            Ok(1) => Outcome::Throttled.into(),
            _ => Outcome::Success.into(),
        }
    }
}
