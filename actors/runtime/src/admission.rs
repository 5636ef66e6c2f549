//! What an attempt passes before it is made: quiet period, circuit breaker, limits, gates of the user's own.

mod caller;
mod entry;

use std::time::Instant;

pub(crate) use caller::Caller;
pub(crate) use entry::Denied;
use entry::Entry;

use crate::{
    breaker::Permit,
    gate::{Pass, Sample, pass_all},
    limit::{Entered, Place, Priority, Token},
    policies::Policies,
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
    /// The last reading of the clock before it was admitted: when it asked, when its last wait ended, or when the
    /// breaker answered.
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

    /// Settles with the gates and the limit. Returns the permit, to be reported before this is dropped: an attempt that
    /// waits for the place must learn that the circuit has opened.
    pub(crate) fn settle(&mut self, sample: &Sample) -> Option<Permit<'a>> {
        self.passes.drain(..).for_each(|pass| pass.settle(sample));
        if let Some(place) = &self.place {
            place.settle(sample);
        }
        self.permit.take()
    }

    /// The place under the concurrency limit, if there is one.
    pub(crate) fn take_place(&mut self) -> Option<Place> {
        self.place.take()
    }
}

/// Asks for everything that an attempt needs. An attempt may wait at a gate, but not after the deadline of its call,
/// nor after its caller has left.
pub(crate) async fn admit<'a>(
    policies: &'a Policies,
    asking: Asking,
    caller: &mut impl Caller,
) -> Result<Admission<'a>, Denied> {
    // First, because a trial permit would be taken for nothing.
    policies.rejection_if_quiet().map_or(Ok(()), Err)?;
    // Only on a closed circuit: a trial finds out whether the upstream has recovered. Before the breaker, because a
    // permit that is not used counts as an attempt that says nothing.
    if policies.throttling.is_some() && policies.state().is_none_or(|state| state == State::Closed)
    {
        policies.throttle(asking.now, asking.priority)?;
    }
    let mut entry = Entry::new(policies, asking, caller);
    // Waits are boxed: an attempt that does not wait has no room for them, and moves less memory.
    if let Some(breaker) = &policies.common.breaker
        && !entry.passes_closed(breaker)
    {
        Box::pin(entry.ask(breaker)).await?;
    }
    let token = match &policies.rate {
        Some(limit) => {
            let over = limit.longest_wait(entry.now, entry.deadline);
            let token = entry.take_token(limit, over)?;
            Some(if token.waits() {
                Box::pin(entry.wait_for_token(limit, token, over)).await?
            } else {
                token
            })
        }
        None => None,
    };
    let place = match &policies.concurrency {
        Some(limit) => Some(match limit.enter(entry.priority, entry.may_wait())? {
            Entered::In(place) => place,
            Entered::Queued(queued) => Box::pin(entry.wait_for_place(limit, queued)).await?,
        }),
        None => None,
    };
    if entry.waited {
        policies.rejection_if_quiet().map_or(Ok(()), Err)?;
    }
    let at = entry.now;
    let permit = entry.into_permit()?;
    let passes = pass_all(&policies.common.gates, at)?;
    token.into_iter().for_each(Token::spend);
    Ok(Admission { at, permit, place, passes })
}

/// Asks for everything that a hedge needs: an attempt beside another one, on a closed circuit, without a wait, and
/// within the retry budget.
pub(crate) fn admit_at_once(
    policies: &Policies,
    priority: Priority,
    now: Instant,
) -> Option<Admission<'_>> {
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
    if policies.throttle(now, priority).is_err() || !policies.may_try_again(now) {
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
