//! The permission to make one attempt, and the obligation to report its result.

use super::{
    grant::Grant,
    pending::PendingFailure,
    published::Published,
    report::{Report, Ticket},
    reporting::{give_back, taken_into_account, tell},
};
use crate::sync::Arc;

/// The permission to make one attempt on the upstream.
///
/// Report the result with [`success`](Self::success), [`failure`](Self::failure) or [`neutral`](Self::neutral).
/// Dropping a permit reports neutral, so a panic, a cancelled future or a lost reply cannot leak a permit. A report on
/// a permit from before a transition does not change the state.
///
/// Calling one of these methods sends the report at once. The returned future is ready when the published state
/// reflects the report. A caller that awaits it never sees a state older than its own result.
#[must_use = "a permit that is dropped at once goes back unused"]
#[derive(Debug)]
pub struct Permit<'a> {
    /// Borrowed, because cloning the `Arc` would make threads contend for its reference count.
    published: &'a Arc<Published>,
    ticket: Ticket,
    obligation: Obligation,
}

/// Whether the permit must still be reported. `usize`-wide to avoid a store-forwarding stall when the permit is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Obligation {
    Owed,
    Done,
}

impl<'a> Permit<'a> {
    #[inline]
    pub(crate) fn new(published: &'a Arc<Published>, ticket: Ticket) -> Self {
        Self { published, ticket, obligation: Obligation::Owed }
    }

    /// True if the attempt is a trial of a half-open circuit.
    #[inline]
    pub fn is_trial(&self) -> bool {
        self.ticket.trial.is_some()
    }

    /// The number of the epoch in which the permit was granted.
    pub fn epoch(&self) -> u64 {
        self.ticket.epoch
    }

    /// Reports a success. In closed state this is one atomic add, and the returned future is ready at once.
    #[inline]
    pub fn success(mut self) -> impl Future<Output = ()> + use<> {
        self.obligation = Obligation::Done;
        taken_into_account(if self.is_trial() {
            tell(self.published, self.ticket, Report::Success)
        } else {
            self.published.count_success(self.ticket.epoch);
            None
        })
    }

    /// Reports a failure of the upstream. The log shows `cause` if this failure opens the circuit.
    pub fn failure<C: Into<String>>(mut self, cause: C) -> impl Future<Output = ()> + use<C> {
        let successes = self.published.successes.read();
        let report = Report::Failure { cause: cause.into(), successes };
        self.obligation = Obligation::Done;
        taken_into_account(tell(self.published, self.ticket, report))
    }

    /// Reports that the attempt says nothing about the upstream.
    pub fn neutral(mut self) -> impl Future<Output = ()> + use<> {
        taken_into_account(if self.is_trial() {
            self.obligation = Obligation::Done;
            tell(self.published, self.ticket, Report::Neutral)
        } else {
            // Dropping the permit reports neutral.
            None
        })
    }

    /// Converts the permit into a failure that happened now, and may be counted later.
    pub(crate) fn pending_failure(mut self, cause: String) -> PendingFailure {
        self.obligation = Obligation::Done;
        let successes = self.published.successes.read();
        PendingFailure::new(Grant::new(self.published, self.ticket), cause, successes)
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.obligation == Obligation::Owed {
            give_back(self.published, self.ticket);
        }
    }
}
