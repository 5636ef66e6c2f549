//! The permission to make one attempt, and the obligation to report its result.

use std::time::Instant;

use super::{
    grant::Grant,
    lease::Lease,
    pending::PendingFailure,
    published::Published,
    report::{Failure, Report, Ticket},
    reporting::{fail, give_back, send, succeed, taken_into_account, tell},
};
use crate::{clock, sync::Arc};

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
    /// Owed, and the call was reported as slow.
    OwedSlow,
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

    /// The lease, if the attempt is a trial.
    pub(crate) fn lease(&self) -> Option<Lease<'a>> {
        self.is_trial().then(|| Lease::new(self.published, self.ticket))
    }

    /// The number of the epoch in which the permit was granted.
    pub fn epoch(&self) -> u64 {
        self.ticket.epoch
    }

    /// Reports a success. In closed state this is one atomic add, and the returned future is ready at once. Reads the
    /// clock if a trip looks at a window of time.
    #[inline]
    pub fn success(self) -> impl Future<Output = ()> + use<> {
        self.succeed(None)
    }

    /// Reports a success that comes now. Reads no clock.
    #[inline]
    pub fn success_at(self, now: Instant) -> impl Future<Output = ()> + use<> {
        self.succeed(Some(now))
    }

    #[inline]
    fn succeed(mut self, now: Option<Instant>) -> impl Future<Output = ()> + use<> {
        let slow = self.obligation == Obligation::OwedSlow;
        self.obligation = Obligation::Done;
        taken_into_account(if slow || self.is_trial() || self.published.in_force.is_sliced() {
            succeed(self.published, self.ticket, slow, now)
        } else {
            self.published.count_success(self.ticket.epoch);
            None
        })
    }

    /// Reports that the call has become slow: it has taken [`slow_after`](super::Breaker::slow_after) and has not
    /// ended. It counts as slow from now on, however it ends. A slow trial has failed. Does nothing if no trip asks for
    /// slow calls, or the second time.
    pub fn slow(&mut self) {
        if self.published.in_force.slow_call().is_some() && self.obligation == Obligation::Owed {
            self.obligation = Obligation::OwedSlow;
            let now = self.published.enter_slice(self.ticket.epoch, clock::now());
            send(self.published, self.ticket, Report::Slow(now), None);
        }
    }

    /// Reports a failure of the upstream. The log shows `cause` if this failure opens the circuit.
    pub fn failure<C: Into<String>>(mut self, cause: C) -> impl Future<Output = ()> + use<C> {
        let (slow, at) = (self.obligation == Obligation::OwedSlow, clock::now());
        self.obligation = Obligation::Done;
        // One reading for both: a success that comes between two would hide the failure.
        let sent = self.published.enter_slice(self.ticket.epoch, at);
        let failure = Failure { cause: cause.into(), at, successes: sent.successes, sent };
        taken_into_account(fail(self.published, self.ticket, failure, slow))
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
        let slow = self.obligation == Obligation::OwedSlow;
        self.obligation = Obligation::Done;
        PendingFailure::new(Grant::new(self.published, self.ticket), cause, slow)
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.obligation != Obligation::Done {
            give_back(self.published, self.ticket);
        }
    }
}
