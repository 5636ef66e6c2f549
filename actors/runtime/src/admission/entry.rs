//! An attempt on its way through the gates.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use super::{Asking, Caller};
use crate::{
    breaker::{Breaker, Openings, Permit},
    clock,
    limit::{ConcurrencyLimit, Entered, Place, Priority, Queued, RateLimit, Token},
    policies::Policies,
    rejection::{Rejection, RejectionKind},
};

/// What a caller is told whose time was over after a wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why an attempt is not made.
#[derive(Debug)]
pub(crate) enum Denied {
    /// A gate has rejected it.
    Rejected(Rejection),
    /// The caller has left.
    CallerLeft,
}

impl From<Rejection> for Denied {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// An attempt on its way through the gates, with what it holds so far.
pub(super) struct Entry<'a, 'c, C> {
    policies: &'a Policies,
    permit: Option<Permit<'a>>,
    pub(super) priority: Priority,
    /// Of its call.
    pub(super) deadline: Option<Instant>,
    /// The last reading of the clock.
    pub(super) now: Instant,
    caller: &'c mut C,
    /// It has waited at a gate.
    pub(super) waited: bool,
}

impl<'a, 'c, C: Caller> Entry<'a, 'c, C> {
    pub(super) fn new(policies: &'a Policies, asking: Asking, caller: &'c mut C) -> Self {
        let Asking { priority, deadline, now } = asking;
        Self { policies, permit: None, priority, deadline, now, caller, waited: false }
    }

    /// Takes a permit, and returns true, if the circuit is closed.
    pub(super) fn passes_closed(&mut self, breaker: &'a Breaker) -> bool {
        self.permit = breaker.admit_if_closed();
        self.permit.is_some()
    }

    /// Asks the breaker, which may take the time of a message.
    pub(super) async fn ask(&mut self, breaker: &'a Breaker) -> Result<(), Rejection> {
        // An old permit says nothing about the new epoch.
        self.permit = None;
        self.permit = Some(breaker.admit().await?);
        self.now = clock::now();
        Ok(())
    }

    /// Takes a token, which may be used by `over` if the attempt may wait, and now if not.
    pub(super) fn take_token(
        &self,
        limit: &'a RateLimit,
        over: Instant,
    ) -> Result<Token<'a>, Rejection> {
        let now = self.now;
        limit.take(now, if self.may_wait() { over } else { now })
    }

    /// Waits until the token may be used. If the circuit opens meanwhile, takes another one.
    pub(super) async fn wait_for_token(
        &mut self,
        limit: &'a RateLimit,
        mut token: Token<'a>,
        over: Instant,
    ) -> Result<Token<'a>, Denied> {
        loop {
            let waited = self.wait(RejectionKind::RateLimit, token.wait(over)).await?;
            if let Some(token) = waited {
                return Ok(token);
            }
            token = self.take_token(limit, over)?;
            if !token.waits() {
                return Ok(token);
            }
        }
    }

    /// Waits for a place in the queue. If the circuit opens meanwhile, asks the limit again.
    pub(super) async fn wait_for_place(
        &mut self,
        limit: &ConcurrencyLimit,
        mut queued: Queued,
    ) -> Result<Place, Denied> {
        let over = limit.longest_wait(self.deadline);
        loop {
            let waited = self.wait(RejectionKind::ConcurrencyLimit, queued.wait(over)).await?;
            if let Some(place) = waited {
                return Ok(place);
            }
            queued = match limit.enter(self.priority, self.may_wait())? {
                Entered::In(place) => return Ok(place),
                Entered::Queued(queued) => queued,
            };
        }
    }

    /// False for a trial: the breaker has leased its permit for the time of an attempt.
    pub(super) fn may_wait(&self) -> bool {
        !self.permit.as_ref().is_some_and(Permit::is_trial)
    }

    /// Waits for what a gate gives. `None`: the circuit has opened. The breaker has admitted the attempt again, which
    /// may be a trial now, and the gate is to be asked again. If no time is left after the wait, the attempt is
    /// rejected with the gate's `kind`.
    async fn wait<V>(
        &mut self,
        kind: RejectionKind,
        given: impl Future<Output = Result<V, Rejection>>,
    ) -> Result<Option<V>, Denied> {
        self.waited = true;
        // Before the epoch is read: an opening after that ends the wait.
        let opening = self.policies.common.openings.as_deref().map(Openings::next);
        let opened = async {
            match opening {
                Some(opening) => opening.await,
                None => pending().await,
            }
        };
        let given = if self.is_current() {
            tokio::select! {
                biased;
                given = given => Some(given?),
                () = self.caller.leaves() => return Err(Denied::CallerLeft),
                () = opened => None,
            }
        } else {
            None
        };
        self.now = clock::now();
        if self.deadline.is_some_and(|deadline| self.now >= deadline) {
            return Err(Rejection::new(kind, RETRY_AFTER).into());
        }
        if let Some(breaker) = self.policies.common.breaker.as_ref().filter(|_| !self.is_current())
        {
            self.ask(breaker).await?;
        }
        Ok(given)
    }

    /// The permit, unless the caller has left.
    pub(super) fn into_permit(self) -> Result<Option<Permit<'a>>, Denied> {
        if self.caller.has_left() { Err(Denied::CallerLeft) } else { Ok(self.permit) }
    }

    /// False if the circuit has changed since it gave the permit.
    fn is_current(&self) -> bool {
        match (&self.policies.common.breaker, &self.permit) {
            (Some(breaker), Some(permit)) => permit.epoch() == breaker.epoch(),
            _ => true,
        }
    }
}
