//! A failure that a later attempt of its call may repair.

use super::{
    grant::Grant,
    report::Report,
    reporting::{taken_into_account, tell},
};
use crate::{outcome::CallKind, sync::Arc};

/// A failure that counts unless a later attempt of its call succeeds. If it is dropped, it counts as neutral.
#[derive(Debug)]
pub(crate) struct PendingFailure {
    grant: Grant,
    cause: String,
    successes: u64,
}

impl PendingFailure {
    pub(crate) fn new(grant: Grant, cause: String, successes: u64) -> Self {
        Self { grant, cause, successes }
    }

    /// Reports the failure at the position among the results that it had when it happened. The returned future is ready
    /// when the published state reflects it.
    ///
    /// If another call has succeeded since, the failure belongs to no current streak: it is counted in the statistics
    /// and not sent. The actor learns of successes only from later failures, and would add this failure to the streak.
    pub(crate) fn count(self) -> impl Future<Output = ()> + use<> {
        let Self { grant, cause, successes } = self;
        let published = Arc::clone(grant.published());
        let ticket = grant.accept();
        taken_into_account(if published.successes.read() == successes {
            tell(&published, ticket, Report::Failure { cause, successes })
        } else {
            published.tally.count(CallKind::Failed);
            None
        })
    }
}
