//! The state of the shutdown, and the number of requests in flight when it began.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::{Notify, watch};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Serving,
    /// The shutdown was requested. Requests in flight are finished.
    Draining,
    /// The shutdown began because the process cannot do its work any more, for this reason. Requests in flight are
    /// finished.
    Failed(String),
}

/// Begins the shutdown, once and for all. Clones share its state.
///
/// Handlers take it as `web::Data<Drain>`. A handler that would delay the shutdown (a hung request, an open stream)
/// must await [`started`](Self::started) and then end.
#[derive(Debug, Clone)]
pub struct Drain {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// True if the phase is not `Serving`. Each request reads it, and an atomic is cheaper than the channel.
    begun: AtomicBool,
    phase: watch::Sender<Phase>,
    in_flight: AtomicUsize,
    finished: Notify,
}

impl Drain {
    /// Creates a switch for a process that serves.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                begun: AtomicBool::new(false),
                phase: watch::Sender::new(Phase::Serving),
                in_flight: AtomicUsize::new(0),
                finished: Notify::new(),
            }),
        }
    }

    /// True once the shutdown has begun.
    pub fn is_draining(&self) -> bool {
        self.inner.begun.load(Ordering::Acquire)
    }

    /// Begins the shutdown: `/ready` answers 503 from now on, and [`serve`](crate::serve) finishes the requests in
    /// flight and returns. Further calls change nothing.
    pub fn begin(&self) {
        self.advance(Phase::Draining);
    }

    /// Begins the shutdown because the process cannot do its work any more, such as after the death of an actor:
    /// [`serve`](crate::serve) finishes the requests in flight and returns an error with this reason. Changes nothing
    /// if the shutdown has already begun.
    pub fn fail(&self, reason: impl Into<String>) {
        self.advance(Phase::Failed(reason.into()));
    }

    /// Resolves when the shutdown begins, at once if it has begun.
    pub async fn started(&self) {
        let mut phase = self.inner.phase.subscribe();
        // Cannot fail: the sender lives as long as `self`.
        let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
    }

    /// The reason given to [`fail`](Self::fail), if that began the shutdown.
    pub fn failure(&self) -> Option<String> {
        match &*self.inner.phase.borrow() {
            Phase::Failed(reason) => Some(reason.clone()),
            Phase::Serving | Phase::Draining => None,
        }
    }

    fn advance(&self, to: Phase) {
        self.inner.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Serving;
            if first {
                self.inner.begun.store(true, Ordering::Release);
                *phase = to;
            }
            first
        });
    }

    /// Resolves when the shutdown has begun and the handler of every counted request has returned a response or was
    /// dropped. Does not wait for response bodies.
    pub(crate) async fn finished(&self) {
        self.started().await;
        loop {
            // The count may have been 0 before the shutdown too, so it is checked after each notification.
            let finished = self.inner.finished.notified();
            if self.inner.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            finished.await;
        }
    }

    /// Counts a request while the returned value lives. `None` once the shutdown has begun: later requests are served
    /// but not counted.
    pub(crate) fn enter(&self) -> Option<InFlight> {
        if self.is_draining() {
            return None;
        }
        self.inner.in_flight.fetch_add(1, Ordering::SeqCst);
        Some(InFlight(self.clone()))
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

/// A request is counted until this guard is dropped. A client that disconnects drops it too.
pub(crate) struct InFlight(Drain);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.inner.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.inner.finished.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn shutdown_begins_once_and_for_all_clones() {
        let drain = Drain::new();
        let clone = drain.clone();
        assert!(!clone.is_draining());
        assert!(clone.started().now_or_never().is_none());
        drain.begin();
        assert!(clone.is_draining());
        assert!(clone.started().now_or_never().is_some());
    }

    #[test]
    fn a_failure_begins_the_shutdown_and_the_first_reason_is_kept() {
        let drain = Drain::new();
        drain.fail("the actor died");
        assert!(drain.is_draining());
        assert_eq!(drain.failure().as_deref(), Some("the actor died"));
        drain.fail("another");
        assert_eq!(drain.failure().as_deref(), Some("the actor died"));
    }

    #[test]
    fn a_failure_during_the_shutdown_is_ignored() {
        let drain = Drain::new();
        drain.begin();
        drain.fail("actors die when the process ends");
        assert_eq!(drain.failure(), None);
    }

    #[tokio::test]
    async fn a_waiting_task_is_woken() {
        let drain = Drain::new();
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.started().await }
        });
        tokio::task::yield_now().await;
        drain.begin();
        waiting.await.unwrap();
    }

    #[test]
    fn finished_waits_for_earlier_requests_but_not_for_later_ones() {
        let drain = Drain::new();
        let earlier = drain.enter();
        drain.begin();
        let mut finished = std::pin::pin!(drain.finished());
        assert!(finished.as_mut().now_or_never().is_none());
        let later = drain.enter();
        assert!(later.is_none());
        drop(earlier);
        assert!(finished.now_or_never().is_some());
    }
}
