//! The HTTP clients of one worker: one for each endpoint, made at its first call, and dropped after a time without one,
//! or when the endpoint is gone.
//! awc's pool closes no idle connection by itself.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::{self, Rc},
    sync::{self, Arc},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{ejection::EndpointId, endpoint::Endpoint};
use crate::transport::{ConnectionBudget, WorkerClient};

/// Time between two looks for clients that are not used any more.
const SWEEP: Duration = Duration::from_secs(1);

/// The HTTP clients of one worker.
pub(in crate::gateway) struct Clients {
    budget: ConnectionBudget,
    all: RefCell<HashMap<EndpointId, Kept>>,
}

struct Kept {
    endpoint: sync::Weak<Endpoint>,
    client: Rc<WorkerClient>,
    /// A call has used it since the last look. Cheaper than the time of the call.
    used: Cell<bool>,
    /// The last look that found it used.
    seen: Cell<Instant>,
    /// Time without a call after which no call uses a connection of it.
    idle_timeout: Duration,
}

impl Clients {
    pub(in crate::gateway) fn new(budget: ConnectionBudget) -> Rc<Self> {
        Rc::new(Self { budget, all: RefCell::default() })
    }

    /// The client for an endpoint.
    pub(super) fn of(self: &Rc<Self>, endpoint: &Arc<Endpoint>) -> Rc<WorkerClient> {
        let mut all = self.all.borrow_mut();
        if let Some(kept) = all.get(&endpoint.id()) {
            kept.used.set(true);
            return Rc::clone(&kept.client);
        }
        if all.is_empty() {
            actix_rt::spawn(sweep(Rc::downgrade(self)));
        }
        let connections = endpoint.connections();
        let client = WorkerClient::of_place(connections, endpoint.place(), self.budget.clone());
        let client = Rc::new(client);
        let kept = Kept {
            endpoint: Arc::downgrade(endpoint),
            client: Rc::clone(&client),
            used: Cell::new(true),
            seen: Cell::new(Instant::now()),
            idle_timeout: connections.idle_timeout,
        };
        all.insert(endpoint.id(), kept);
        client
    }

    /// Drops clients that have had no call for their time. Returns false if none is left.
    fn drop_unused(&self) -> bool {
        let now = Instant::now();
        let mut all = self.all.borrow_mut();
        all.retain(|_, kept| {
            if kept.used.take() {
                kept.seen.set(now);
            }
            let is_in_use = Rc::strong_count(&kept.client) > 1;
            let is_gone = kept.endpoint.strong_count() == 0;
            is_in_use || (!is_gone && now - kept.seen.get() < kept.idle_timeout)
        });
        !all.is_empty()
    }
}

/// Looks for unused clients until none is left.
async fn sweep(clients: rc::Weak<Clients>) {
    loop {
        sleep(SWEEP).await;
        let Some(clients) = clients.upgrade() else { return };
        if !clients.drop_unused() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{ConnectionSettings, Place, testing::plain};

    async fn pass(seconds: u64) {
        for _ in 0..seconds {
            // Timers fire up to a millisecond late.
            tokio::time::advance(Duration::from_millis(1_002)).await;
            tokio::task::yield_now().await;
        }
    }

    #[actix_web::test]
    async fn a_client_without_a_call_is_dropped_and_one_with_a_call_is_not() {
        tokio::time::pause();
        let clients = Clients::new(ConnectionBudget::new(1, 1));
        let count = || clients.all.borrow().len();
        // Connections that are idle for longer than 15 s are not used.
        let settings = ConnectionSettings {
            idle_timeout: Duration::from_secs(15),
            ..plain(Duration::from_secs(1))
        };
        let settings = Arc::new(settings);
        let endpoint = |port| {
            let place = Place::Name("a".into(), port);
            Arc::new(Endpoint::new(place, Arc::clone(&settings)))
        };
        let (idle, used) = (endpoint(1), endpoint(2));
        clients.of(&idle);
        let in_use = clients.of(&used);
        tokio::task::yield_now().await;
        pass(10).await;
        clients.of(&idle);
        pass(14).await;
        assert_eq!(count(), 2);
        pass(3).await;
        assert_eq!(count(), 1);
        assert!(Rc::ptr_eq(&in_use, &clients.of(&used)));
        drop(in_use);
        pass(17).await;
        assert_eq!(count(), 0);
        // The sweeper has ended, and starts again.
        clients.of(&idle);
        tokio::task::yield_now().await;
        pass(2).await;
        assert_eq!(count(), 1);
        drop(idle);
        pass(2).await;
        assert_eq!(count(), 0, "the endpoint is gone");
    }
}
