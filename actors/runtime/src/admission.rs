//! What an attempt passes before it is made: quiet period, circuit breaker, concurrency limit, gates of the user's own.

use std::{pin::pin, time::Instant};

use futures::future::{Either, select};
use tokio::sync::oneshot;

use crate::{
    breaker::{Breaker, Permit},
    clock,
    gate::{Pass, Sample, pass_all},
    limit::{ConcurrencyLimit, Entered, Place},
    policies::Policies,
    rejection::Rejection,
};

/// What an admitted attempt holds. All of it goes back when this is dropped.
pub(crate) struct Admission<'a> {
    pub(crate) permit: Option<Permit<'a>>,
    place: Option<Place>,
    waited: bool,
    passes: Vec<Pass>,
}

impl<'a> Admission<'a> {
    /// True if the attempt is a trial of a half-open circuit.
    pub(crate) fn is_trial(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_trial)
    }

    /// True if the attempt has waited for its place.
    pub(crate) fn has_waited(&self) -> bool {
        self.waited
    }

    /// The epoch of the circuit, 0 without a breaker.
    pub(crate) fn epoch(&self) -> u64 {
        self.permit.as_ref().map_or(0, Permit::epoch)
    }

    /// Settles with the gates. What is left is the permit, to be reported, and the place, to be dropped after that: an
    /// attempt that waits for the place must learn that the circuit has opened.
    pub(crate) fn settle(self, sample: &Sample) -> (Option<Permit<'a>>, Option<Place>) {
        self.passes.into_iter().for_each(|pass| pass.settle(sample));
        (self.permit, self.place)
    }
}

/// Asks for everything that an attempt needs. `None`: the caller, which waits for `reply`, has left.
///
/// An attempt may wait for its place, but not after the `deadline` of its call. A trial does not wait: the breaker has
/// leased its permit for the time of an attempt.
pub(crate) async fn admit<'a, T>(
    policies: &'a Policies,
    deadline: Option<Instant>,
    reply: &mut oneshot::Sender<T>,
) -> Result<Option<Admission<'a>>, Rejection> {
    // First, because a trial permit would be taken for nothing.
    policies.rejection_if_quiet().map_or(Ok(()), Err)?;
    let mut permit = match &policies.breaker {
        Some(breaker) => Some(breaker.admit().await?),
        None => None,
    };
    let (mut place, mut waited) = (None, false);
    if let Some(limit) = &policies.concurrency {
        let breaker = policies.breaker.as_ref();
        match take_place(limit, breaker, &mut permit, deadline, reply).await? {
            Some(taken) => (place, waited) = (Some(taken.place), taken.waited),
            None => return Ok(None),
        }
    }
    if waited {
        policies.rejection_if_quiet().map_or(Ok(()), Err)?;
    }
    if reply.is_closed() {
        return Ok(None);
    }
    let passes = if policies.gates.is_empty() {
        Vec::new()
    } else {
        pass_all(&policies.gates, clock::now())?
    };
    Ok(Some(Admission { permit, place, waited, passes }))
}

/// Asks for everything that a hedge needs: an attempt beside another one, on a closed circuit and without a wait.
pub(crate) fn admit_at_once(policies: &Policies) -> Option<Admission<'_>> {
    if policies.rejection_if_quiet().is_some() {
        return None;
    }
    let place = match policies.concurrency.as_ref().map(|limit| limit.enter(false)) {
        None => None,
        Some(Ok(Entered::In(place))) => Some(place),
        Some(_) => return None,
    };
    let passes = if policies.gates.is_empty() {
        Vec::new()
    } else {
        pass_all(&policies.gates, clock::now()).ok()?
    };
    // The breaker comes last, because a permit that is not used counts as an attempt that says nothing.
    let permit = match &policies.breaker {
        Some(breaker) => Some(breaker.admit_if_closed()?),
        None => None,
    };
    Some(Admission { permit, place, waited: true, passes })
}

/// A place, and whether the attempt has waited for it.
struct Taken {
    place: Place,
    waited: bool,
}

/// Takes a place, or waits for one. If the circuit changes meanwhile, the breaker is asked again.
async fn take_place<'a, T>(
    limit: &ConcurrencyLimit,
    breaker: Option<&'a Breaker>,
    permit: &mut Option<Permit<'a>>,
    deadline: Option<Instant>,
    reply: &mut oneshot::Sender<T>,
) -> Result<Option<Taken>, Rejection> {
    let mut over = None;
    loop {
        let trial = permit.as_ref().is_some_and(Permit::is_trial);
        let queued = match limit.enter(!trial)? {
            Entered::In(place) => return Ok(Some(Taken { place, waited: over.is_some() })),
            Entered::Queued(queued) => queued,
        };
        let until = *over.get_or_insert_with(|| limit.longest_wait(deadline));
        // If the circuit opens after this, it empties the queue.
        let place = if is_current(breaker, permit) {
            match select(pin!(queued.wait(until)), pin!(reply.closed())).await {
                Either::Left((place, _)) => place?,
                Either::Right(_) => return Ok(None),
            }
        } else {
            None
        };
        if let Some(breaker) = breaker.filter(|_| !is_current(breaker, permit)) {
            // The old permit says nothing about the new epoch.
            *permit = None;
            *permit = Some(breaker.admit().await?);
        }
        if let Some(place) = place {
            return Ok(Some(Taken { place, waited: true }));
        }
    }
}

/// False if the circuit has changed since it gave the permit.
fn is_current(breaker: Option<&Breaker>, permit: &Option<Permit<'_>>) -> bool {
    match (breaker, permit) {
        (Some(breaker), Some(permit)) => permit.epoch() == breaker.epoch(),
        _ => true,
    }
}
