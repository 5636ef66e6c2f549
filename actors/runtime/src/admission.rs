//! What an attempt passes before it is made: quiet period, circuit breaker, limits, gates of the user's own.

mod caller;
mod entry;

use std::time::Instant;

pub(crate) use caller::{Caller, Present};
pub(crate) use entry::Denied;
use entry::Entry;

use crate::{
    breaker::Permit,
    gate::{Pass, Sample, pass_all},
    limit::{ConcurrencyLimit, Entered, Place, Priority, RateLimit, Token},
    policies::Policies,
    rejection::RejectionKind,
    state::State,
};

/// An attempt that asks for admission.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) priority: Priority,
    /// Of its call.
    pub(crate) deadline: Option<Instant>,
    pub(crate) now: Instant,
}

/// What an admitted attempt holds. All of it goes back when this is dropped.
pub(crate) struct Admission<'a> {
    /// When it was admitted: the clock's last reading, which is older than now only if the attempt did not wait.
    pub(crate) at: Instant,
    pub(crate) permit: Option<Permit<'a>>,
    place: Option<Place>,
    passes: Vec<Pass>,
}

impl<'a> Admission<'a> {
    /// True if the attempt is a trial of a half-open circuit.
    pub(crate) fn is_trial(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_trial)
    }

    /// The epoch of the circuit, 0 without a breaker.
    pub(crate) fn epoch(&self) -> u64 {
        self.permit.as_ref().map_or(0, Permit::epoch)
    }

    /// Settles with the gates and the limit. What is left is the permit, to be reported, and the place, to be dropped
    /// after that: an attempt that waits for the place must learn that the circuit has opened.
    pub(crate) fn settle(self, sample: &Sample) -> (Option<Permit<'a>>, Option<Place>) {
        self.passes.into_iter().for_each(|pass| pass.settle(sample));
        if let Some(place) = &self.place {
            place.settle(sample);
        }
        (self.permit, self.place)
    }
}

/// Asks for everything that an attempt needs. An attempt may wait at a gate, but not after the deadline of its call, nor
/// after its caller has left.
pub(crate) async fn admit<'a>(
    policies: &'a Policies,
    asking: Asking,
    caller: &mut impl Caller,
) -> Result<Admission<'a>, Denied> {
    // First, because a trial permit would be taken for nothing.
    policies.rejection_if_quiet().map_or(Ok(()), Err)?;
    // Only on a closed circuit: a trial finds out whether the upstream has recovered. Before the breaker, because a permit
    // that is not used counts as an attempt that says nothing.
    if policies.throttling.is_some() && policies.state().is_none_or(|state| state == State::Closed)
    {
        policies.throttle(asking.now)?;
    }
    let mut entry = Entry::new(policies, asking, caller).await?;
    let token = match &policies.rate {
        Some(limit) => Some(take_token(limit, &mut entry).await?),
        None => None,
    };
    let place = match &policies.concurrency {
        Some(limit) => Some(take_place(limit, &mut entry).await?),
        None => None,
    };
    if entry.waited {
        policies.rejection_if_quiet().map_or(Ok(()), Err)?;
    }
    let at = entry.asking.now;
    let permit = entry.into_permit()?;
    let passes = pass_all(&policies.common.gates, at)?;
    token.into_iter().for_each(Token::spend);
    Ok(Admission { at, permit, place, passes })
}

/// Asks for everything that a hedge needs: an attempt beside another one, on a closed circuit, without a wait, and within
/// the retry budget.
pub(crate) fn admit_at_once(policies: &Policies, now: Instant) -> Option<Admission<'_>> {
    if policies.rejection_if_quiet().is_some() {
        return None;
    }
    let place = match &policies.concurrency {
        Some(limit) => Some(limit.take_free_place()?),
        None => None,
    };
    let passes = pass_all(&policies.common.gates, now).ok()?;
    let token = match &policies.rate {
        Some(limit) => Some(limit.take(now, now).ok()?),
        None => None,
    };
    if policies.state().is_some_and(|state| state != State::Closed) {
        return None;
    }
    if policies.throttle(now).is_err() || !policies.may_try_again(now) {
        return None;
    }
    // The breaker comes last, because a permit that is not used counts as an attempt that says nothing.
    let permit = match &policies.common.breaker {
        Some(breaker) => Some(breaker.admit_if_closed()?),
        None => None,
    };
    token.into_iter().for_each(Token::spend);
    Some(Admission { at: now, permit, place, passes })
}

/// Takes a token, and waits until it may be used.
async fn take_token<'a>(
    limit: &'a RateLimit,
    entry: &mut Entry<'_, '_, impl Caller>,
) -> Result<Token<'a>, Denied> {
    let mut over = None;
    loop {
        let Asking { now, deadline, .. } = entry.asking;
        let over = *over.get_or_insert_with(|| limit.longest_wait(now, deadline));
        let token = limit.take(now, if entry.may_wait() { over } else { now })?;
        if !token.waits() {
            return Ok(token);
        }
        // Boxed, so that an attempt that does not wait has no room for it.
        let waited = Box::pin(entry.wait(RejectionKind::RateLimit, token.wait(over)));
        if let Some(token) = waited.await? {
            return Ok(token);
        }
    }
}

/// Takes a place, or waits for one.
async fn take_place(
    limit: &ConcurrencyLimit,
    entry: &mut Entry<'_, '_, impl Caller>,
) -> Result<Place, Denied> {
    let mut over = None;
    let Asking { priority, deadline, .. } = entry.asking;
    loop {
        let queued = match limit.enter(priority, entry.may_wait())? {
            Entered::In(place) => return Ok(place),
            Entered::Queued(queued) => queued,
        };
        let until = *over.get_or_insert_with(|| limit.longest_wait(deadline));
        // Boxed for the same reason.
        let waited = Box::pin(entry.wait(RejectionKind::ConcurrencyLimit, queued.wait(until)));
        if let Some(place) = waited.await? {
            return Ok(place);
        }
    }
}
