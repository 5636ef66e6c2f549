//! The concurrency limit that all threads share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rand::rngs::SmallRng;
use tokio::sync::oneshot;

use super::{
    now::Now,
    places::{Full, Ticket},
    priority::Priority,
    settings::{Concurrency, ConcurrencyMax},
    snapshot::ConcurrencySnapshot,
    window::Measured,
};
use crate::{
    clock,
    gate::Sample,
    outcome::Outcome,
    rejection::{Rejection, RejectionKind},
};

/// What a rejected caller is told: a place may be free soon.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The attempts in flight at one upstream, and those that wait for a place. Shared by cloning.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit {
    settings: Concurrency,
    /// Shared with the limit of other settings.
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    now: Mutex<Now<Wake>>,
    /// The limit follows latency.
    learns: AtomicBool,
}

/// Gives a waiting attempt its place. Dropped without one, the attempt is rejected.
type Wake = oneshot::Sender<Place>;

/// What an attempt has when it enters.
pub(crate) enum Entered {
    /// A place.
    In(Place),
    /// A place in the queue.
    Queued(Queued),
}

impl ConcurrencyLimit {
    /// The random source is for priorities.
    pub(crate) fn new(settings: Concurrency, rng: SmallRng) -> Self {
        let (now, learns) = (Mutex::new(Now::new(&settings, rng)), learns(&settings).into());
        Self { settings, shared: Arc::new(Shared { now, learns }) }
    }

    /// The same places and the same queue with other settings. The numbers of places and of waiting attempts apply to
    /// all attempts at once.
    pub(crate) fn with(&self, settings: Concurrency) -> Self {
        self.shared.learns.store(learns(&settings), Ordering::Relaxed);
        let woken = self.shared.lock().change(&settings);
        self.shared.admit(woken);
        Self { settings, shared: Arc::clone(&self.shared) }
    }

    /// Admits all attempts that wait and that come.
    pub(crate) fn switch_off(&self) {
        self.shared.learns.store(false, Ordering::Relaxed);
        let woken = self.shared.lock().switch_off();
        self.shared.admit(woken);
    }

    /// Its settings, when the upstream returned it.
    pub fn settings(&self) -> &Concurrency {
        &self.settings
    }

    /// The limit now.
    pub fn snapshot(&self) -> ConcurrencySnapshot {
        self.shared.lock().snapshot()
    }

    /// When the wait of an attempt that joins the queue now is over.
    pub(crate) fn longest_wait(&self, deadline: Option<Instant>) -> Instant {
        let over = clock::now() + self.settings().concurrency_wait;
        deadline.map_or(over, |deadline| deadline.min(over))
    }

    /// Takes a place; or joins the queue, if the attempt `may_wait` and there is room for it.
    pub(crate) fn enter(&self, priority: Priority, may_wait: bool) -> Result<Entered, Rejection> {
        let mut now = self.shared.lock();
        if now.is_shed(priority) {
            return Err(others_first());
        }
        if now.places.take() {
            return Ok(Entered::In(self.shared.place()));
        }
        if !may_wait {
            now.lost(priority);
            return Err(full());
        }
        let (wake, woken) = oneshot::channel();
        let importance = if now.priorities.is_some() { priority } else { Priority::default() };
        match now.places.join(importance, wake) {
            Ok((ticket, displaced)) => {
                drop(now);
                drop(displaced);
                Ok(Entered::Queued(Queued { shared: Arc::clone(&self.shared), ticket, woken }))
            }
            Err(Full) => {
                now.lost(priority);
                Err(full())
            }
        }
    }

    /// Takes a place if one is free and none waits for it. A hedge that gets none is no sign of overload.
    pub(crate) fn take_free_place(&self) -> Option<Place> {
        self.shared.lock().places.take().then(|| self.shared.place())
    }
}

fn learns(settings: &Concurrency) -> bool {
    matches!(settings.concurrency_max, ConcurrencyMax::Adaptive { .. })
}

impl Shared {
    /// A place that was taken.
    fn place(self: &Arc<Self>) -> Place {
        Place(Some(Arc::clone(self)))
    }

    /// Hands a place to each of these attempts, which have waited for it.
    fn admit(self: &Arc<Self>, woken: Vec<Wake>) {
        for wake in woken {
            // An attempt that has just left the queue drops its place, which goes to the next one.
            let _ = wake.send(self.place());
        }
    }

    /// Hands a place to the attempt that has waited longest, or gives it back.
    fn hand_on(self: &Arc<Self>) {
        loop {
            let next = self.lock().places.give_back();
            let Some(wake) = next else { return };
            match wake.send(self.place()) {
                Ok(()) => return,
                // The attempt has just left the queue.
                Err(mut place) => place.0 = None,
            }
        }
    }

    /// Learns how an attempt went, if the limit follows latency.
    fn learn(self: &Arc<Self>, &Sample { outcome, elapsed, .. }: &Sample) {
        if !self.learns.load(Ordering::Relaxed) {
            return;
        }
        let (latency, refused) = match outcome {
            Outcome::Success | Outcome::ClientError => (Some(elapsed), false),
            Outcome::TimedOut => (Some(elapsed), true),
            Outcome::Throttled => (None, true),
            // Their time says nothing about the load of the upstream.
            _ => return,
        };
        let mut now = self.lock();
        let Now { places, adaptive: Some(gradient), .. } = &mut *now else { return };
        let measured = Measured { latency, in_flight: places.in_use(), refused };
        let max = gradient.record(measured, clock::now());
        if max == places.max() {
            return;
        }
        let woken = places.set_max(max);
        drop(now);
        self.admit(woken);
    }

    fn lock(&self) -> MutexGuard<'_, Now<Wake>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn others_first() -> Rejection {
    const REASON: &str =
        "too many attempts in flight at the upstream, and others are more important";
    Rejection::because(RejectionKind::ConcurrencyLimit, REASON, RETRY_AFTER)
}

fn full() -> Rejection {
    Rejection::new(RejectionKind::ConcurrencyLimit, RETRY_AFTER)
}

/// The place of one attempt in flight. It is free again when this is dropped, on any thread.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Place(Option<Arc<Shared>>);

impl Place {
    /// The attempt has ended. The place is still in use.
    pub(crate) fn settle(&self, sample: &Sample) {
        if let Some(limit) = &self.0 {
            limit.learn(sample);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(limit) = self.0.take() {
            limit.hand_on();
        }
    }
}

/// An attempt's place in the queue. Dropping it leaves the queue.
pub(crate) struct Queued {
    shared: Arc<Shared>,
    ticket: Ticket,
    woken: oneshot::Receiver<Place>,
}

impl Queued {
    /// Waits for a place, at most until `over`, or until a more important attempt takes this one's place in the queue.
    pub(crate) async fn wait(mut self, over: Instant) -> Result<Place, Rejection> {
        let rejection = match clock::until(over, &mut self.woken).await {
            Some(Ok(place)) => return Ok(place),
            Some(Err(_)) => others_first(),
            None => full(),
        };
        self.shared.lock().lost(self.ticket.importance());
        Err(rejection)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        // A place that was handed over and not taken comes back when the receiver is dropped.
        self.shared.lock().places.leave(self.ticket);
    }
}

#[cfg(test)]
#[path = "handle_tests.rs"]
mod tests;
