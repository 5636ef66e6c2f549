//! An attempt on its way through the gates.

use std::{future::pending, time::Duration};

use super::{Asking, Caller};
use crate::{
    breaker::{Breaker, Openings, Permit},
    clock,
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

/// An attempt that the breaker has admitted, and that asks the other gates.
pub(super) struct Entry<'a, 'c, C> {
    policies: &'a Policies,
    permit: Option<Permit<'a>>,
    pub(super) asking: Asking,
    caller: &'c mut C,
    /// It has waited at a gate.
    pub(super) waited: bool,
}

impl<'a, 'c, C: Caller> Entry<'a, 'c, C> {
    /// Asks the breaker.
    pub(super) async fn new(
        policies: &'a Policies,
        asking: Asking,
        caller: &'c mut C,
    ) -> Result<Self, Rejection> {
        let mut entry = Self { policies, permit: None, asking, caller, waited: false };
        if let Some(breaker) = &policies.common.breaker {
            entry.permit = match breaker.admit_if_closed() {
                Some(permit) => Some(permit),
                None => Some(entry.ask(breaker).await?),
            };
        }
        Ok(entry)
    }

    /// Asks the breaker, which may take the time of a message.
    async fn ask(&mut self, breaker: &'a Breaker) -> Result<Permit<'a>, Rejection> {
        let permit = breaker.admit().await?;
        self.asking.now = clock::now();
        Ok(permit)
    }

    /// False for a trial: the breaker has leased its permit for the time of an attempt.
    pub(super) fn may_wait(&self) -> bool {
        !self.permit.as_ref().is_some_and(Permit::is_trial)
    }

    /// Waits for what a gate gives. `None`: the circuit has opened. The breaker has admitted the attempt again, which may
    /// be a trial now, and the gate is to be asked again. If no time is left after the wait, the attempt is rejected with
    /// the gate's `kind`.
    pub(super) async fn wait<V>(
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
        self.asking.now = clock::now();
        if self.asking.deadline.is_some_and(|deadline| self.asking.now >= deadline) {
            return Err(Rejection::new(kind, RETRY_AFTER).into());
        }
        if let Some(breaker) = self.policies.common.breaker.as_ref().filter(|_| !self.is_current())
        {
            // The old permit says nothing about the new epoch.
            self.permit = None;
            self.permit = Some(self.ask(breaker).await?);
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
