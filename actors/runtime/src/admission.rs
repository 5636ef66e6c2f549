//! What an attempt passes before it is made: circuit breaker, concurrency limit, gates of the user's own.

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
    let mut permit = match &policies.breaker {
        Some(breaker) => Some(breaker.admit().await?),
        None => None,
    };
    let mut place = None;
    if let Some(limit) = &policies.concurrency {
        let Some(taken) =
            take_place(limit, &policies.breaker, &mut permit, deadline, reply).await?
        else {
            return Ok(None);
        };
        place = Some(taken);
    }
    if reply.is_closed() {
        return Ok(None);
    }
    let passes = if policies.gates.is_empty() {
        Vec::new()
    } else {
        pass_all(&policies.gates, clock::now())?
    };
    Ok(Some(Admission { permit, place, passes }))
}

/// Takes a place, or waits for one. After a wait, asks the breaker again if its circuit has changed meanwhile.
async fn take_place<'a, T>(
    limit: &ConcurrencyLimit,
    breaker: &'a Option<Breaker>,
    permit: &mut Option<Permit<'a>>,
    deadline: Option<Instant>,
    reply: &mut oneshot::Sender<T>,
) -> Result<Option<Place>, Rejection> {
    let trial = permit.as_ref().is_some_and(Permit::is_trial);
    let queued = match limit.enter(!trial)? {
        Entered::In(place) => return Ok(Some(place)),
        Entered::Queued(queued) => queued,
    };
    let place = match select(pin!(queued.wait(deadline)), pin!(reply.closed())).await {
        Either::Left((place, _)) => place?,
        Either::Right(_) => return Ok(None),
    };
    if let (Some(breaker), Some(held)) = (breaker, &permit)
        && held.epoch() != breaker.epoch()
    {
        // The old permit says nothing about the new epoch.
        *permit = None;
        *permit = Some(breaker.admit().await?);
    }
    Ok(Some(place))
}
