//! An attempt on its way through the gates.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    breaker::{Openings, Permit},
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
pub(super) struct Entry<'a, 'r, T> {
    policies: &'a Policies,
    permit: Option<Permit<'a>>,
    /// Of its call.
    pub(super) deadline: Option<Instant>,
    /// Closed when the caller has left.
    reply: &'r mut oneshot::Sender<T>,
    /// It has waited at a gate.
    pub(super) waited: bool,
}

impl<'a, 'r, T> Entry<'a, 'r, T> {
    /// Asks the breaker.
    pub(super) async fn new(
        policies: &'a Policies,
        deadline: Option<Instant>,
        reply: &'r mut oneshot::Sender<T>,
    ) -> Result<Self, Rejection> {
        let permit = match &policies.common.breaker {
            Some(breaker) => Some(breaker.admit().await?),
            None => None,
        };
        Ok(Self { policies, permit, deadline, reply, waited: false })
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
                () = self.reply.closed() => return Err(Denied::CallerLeft),
                () = opened => None,
            }
        } else {
            None
        };
        if self.deadline.is_some_and(|deadline| clock::now() >= deadline) {
            return Err(Rejection::new(kind, RETRY_AFTER).into());
        }
        if let Some(breaker) = self.policies.common.breaker.as_ref().filter(|_| !self.is_current())
        {
            // The old permit says nothing about the new epoch.
            self.permit = None;
            self.permit = Some(breaker.admit().await?);
        }
        Ok(given)
    }

    /// The permit, unless the caller has left.
    pub(super) fn into_permit(self) -> Result<Option<Permit<'a>>, Denied> {
        if self.reply.is_closed() { Err(Denied::CallerLeft) } else { Ok(self.permit) }
    }

    /// False if the circuit has changed since it gave the permit.
    fn is_current(&self) -> bool {
        match (&self.policies.common.breaker, &self.permit) {
            (Some(breaker), Some(permit)) => permit.epoch() == breaker.epoch(),
            _ => true,
        }
    }
}
