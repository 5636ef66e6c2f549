//! The concurrency limit that all threads share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    places::{Places, Ticket},
    settings::Concurrency,
};
use crate::{
    clock,
    rejection::{Rejection, RejectionKind},
};

/// What a rejected caller is told: a place may be free soon.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The attempts in flight at one upstream, and those that wait for a place. Shared by cloning.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Concurrency,
    places: Mutex<Places<Wake>>,
}

/// Gives a waiting attempt its place.
type Wake = oneshot::Sender<Place>;

/// A [`ConcurrencyLimit`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ConcurrencySnapshot {
    /// Maximum number of attempts in flight.
    pub max: usize,
    /// Attempts in flight.
    pub in_flight: usize,
    /// Attempts that wait for a place.
    pub queued: usize,
    /// Maximum number of attempts that wait.
    pub max_queued: usize,
}

/// What an attempt has when it enters.
pub(crate) enum Entered {
    /// A place.
    In(Place),
    /// A place in the queue.
    Queued(Queued),
}

impl ConcurrencyLimit {
    pub(crate) fn new(settings: Concurrency) -> Self {
        let places = Places::new(settings.concurrency_max, settings.concurrency_queue);
        Self(Arc::new(Shared { settings, places: Mutex::new(places) }))
    }

    /// Its settings.
    pub fn settings(&self) -> &Concurrency {
        &self.0.settings
    }

    /// The limit now.
    pub fn snapshot(&self) -> ConcurrencySnapshot {
        let places = self.places();
        ConcurrencySnapshot {
            max: places.max(),
            in_flight: places.in_use(),
            queued: places.queued(),
            max_queued: self.0.settings.concurrency_queue,
        }
    }

    /// When the wait of an attempt that joins the queue now is over.
    pub(crate) fn longest_wait(&self, deadline: Option<Instant>) -> Instant {
        let over = clock::now() + self.settings().concurrency_wait;
        deadline.map_or(over, |deadline| deadline.min(over))
    }

    /// Takes a place; or joins the queue, if the attempt `may_wait` and the queue is not full.
    pub(crate) fn enter(&self, may_wait: bool) -> Result<Entered, Rejection> {
        let mut places = self.places();
        if places.take() {
            return Ok(Entered::In(Place(Some(self.clone()))));
        }
        if !may_wait {
            return Err(full());
        }
        let (wake, woken) = oneshot::channel();
        let ticket = places.join(wake).map_err(|_| full())?;
        Ok(Entered::Queued(Queued { limit: self.clone(), ticket, woken }))
    }

    /// Hands a place to the attempt that has waited longest, or gives it back.
    fn hand_on(self) {
        loop {
            let next = self.places().give_back();
            let Some(wake) = next else { return };
            match wake.send(Place(Some(self.clone()))) {
                Ok(()) => return,
                // The attempt has just left the queue.
                Err(mut place) => place.0 = None,
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, Places<Wake>> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn full() -> Rejection {
    Rejection::new(RejectionKind::ConcurrencyLimit, RETRY_AFTER)
}

/// The place of one attempt in flight. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<ConcurrencyLimit>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(limit) = self.0.take() {
            limit.hand_on();
        }
    }
}

/// An attempt's place in the queue. Dropping it leaves the queue.
pub(crate) struct Queued {
    limit: ConcurrencyLimit,
    ticket: Ticket,
    woken: oneshot::Receiver<Place>,
}

impl Queued {
    /// Waits for a place, at most until `over`.
    pub(crate) async fn wait(mut self, over: Instant) -> Result<Place, Rejection> {
        match clock::until(over, &mut self.woken).await {
            Some(Ok(place)) => Ok(place),
            _ => Err(full()),
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        // A place that was handed over and not taken comes back when the receiver is dropped.
        self.limit.places().leave(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, future::poll_immediate};

    use super::*;

    fn limit(max: usize, queue: usize) -> ConcurrencyLimit {
        ConcurrencyLimit::new(Concurrency::at_most(max).queue(queue))
    }

    fn place(limit: &ConcurrencyLimit) -> Place {
        match limit.enter(true) {
            Ok(Entered::In(place)) => place,
            _ => panic!("no place is free"),
        }
    }

    fn queued(limit: &ConcurrencyLimit) -> Queued {
        match limit.enter(true) {
            Ok(Entered::Queued(queued)) => queued,
            _ => panic!("not queued"),
        }
    }

    fn kind(result: Result<impl Sized, Rejection>) -> RejectionKind {
        result.err().expect("a rejection").kind()
    }

    #[tokio::test(start_paused = true)]
    async fn a_freed_place_goes_to_the_attempt_that_waited_longest() {
        let limit = limit(1, 2);
        let first = place(&limit);
        let over = limit.longest_wait(None);
        let (mut second, mut third) =
            (queued(&limit).wait(over).boxed(), queued(&limit).wait(over).boxed());
        assert_eq!(kind(limit.enter(true)), RejectionKind::ConcurrencyLimit);
        assert!(poll_immediate(&mut second).await.is_none());
        drop(first);
        assert!(poll_immediate(&mut third).await.is_none());
        let second = second.await.unwrap();
        assert_eq!((limit.snapshot().in_flight, limit.snapshot().queued), (1, 1));
        drop(second);
        drop(third.await.unwrap());
        assert_eq!((limit.snapshot().in_flight, limit.snapshot().queued), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_at_its_limit_or_at_the_deadline() {
        let limit = limit(1, 2);
        let _in_flight = place(&limit);
        for (deadline, expected) in [(None, 1_000), (Some(200), 200), (Some(5_000), 1_000)] {
            let began = clock::now();
            let deadline = deadline.map(|millis| began + Duration::from_millis(millis));
            let ended = queued(&limit).wait(limit.longest_wait(deadline)).await;
            assert_eq!(kind(ended), RejectionKind::ConcurrencyLimit);
            let waited = (clock::now() - began).as_millis();
            assert!((expected..expected + 5).contains(&waited), "{waited} ms");
        }
        assert_eq!(limit.snapshot().queued, 0);
    }

    #[tokio::test]
    async fn an_attempt_that_leaves_frees_its_place_wherever_it_is() {
        let limit = limit(1, 3);
        let in_flight = place(&limit);
        let (gone, handed_over) = (queued(&limit), queued(&limit));
        drop(gone);
        assert_eq!(limit.snapshot().queued, 1);
        drop(in_flight);
        // The place was handed over and not taken yet.
        assert_eq!((limit.snapshot().in_flight, limit.snapshot().queued), (1, 0));
        drop(handed_over);
        assert_eq!(limit.snapshot().in_flight, 0);
    }

    #[test]
    fn an_attempt_that_may_not_wait_is_rejected_at_once() {
        let limit = limit(1, 10);
        let _in_flight = place(&limit);
        assert_eq!(kind(limit.enter(false)), RejectionKind::ConcurrencyLimit);
    }
}
