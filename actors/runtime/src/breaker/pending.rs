//! A failure that a later attempt of its call may repair.

use std::time::Instant;

use super::{
    grant::Grant,
    report::Failure,
    reporting::{fail, taken_into_account},
};
use crate::{clock, sync::Arc};

/// A failure that counts unless a later attempt of its call succeeds. If it is dropped, it counts as neutral.
#[derive(Debug)]
pub(crate) struct PendingFailure {
    grant: Grant,
    cause: String,
    at: Instant,
    /// The epoch's successes up to then.
    successes: u64,
    slow: bool,
}

impl PendingFailure {
    /// Of a failure that happens now.
    pub(crate) fn new(grant: Grant, cause: String, slow: bool) -> Self {
        let successes = grant.published().counters.read().successes;
        Self { grant, cause, at: clock::now(), successes, slow }
    }

    /// Reports the failure at the position among the results that it had when it happened. The returned future is ready
    /// when the published state reflects it.
    pub(crate) fn count(self) -> impl Future<Output = ()> + use<> {
        let Self { grant, cause, at, successes, slow } = self;
        let published = Arc::clone(grant.published());
        let sent = published.enter_slice(grant.epoch(), clock::now());
        let failure = Failure { cause, at, successes, sent };
        taken_into_account(fail(&published, grant.accept(), failure, slow))
    }
}
