//! The handle: a lock around the table, and one task for each shared call.

use std::{
    fmt,
    hash::Hash,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::{
    sync::oneshot::{self, Receiver, Sender},
    task::spawn_local,
};

use super::table::{Table, Ticket};

/// Lets identical requests that are in flight at the same time share one call. A cheap handle, shared by cloning: its
/// callers may be on any thread.
///
/// Put it around an [`Upstream`](crate::Upstream): then a shared call is one call to the upstream and all its policies.
/// A caller that shares a call takes no place under a [`CallLimit`](crate::CallLimit). Nothing is kept: a call that
/// begins after the end of a shared one is a call of its own.
///
/// ```
/// # use resilience_actors::{Coalescer, Upstream};
/// # actix::System::new().block_on(async {
/// # let prices = Upstream::builder("prices").start().unwrap();
/// let coalescer = Coalescer::new();
/// let price = coalescer
///     .call("gold", async move || prices.call(async |_| Ok::<_, String>(42)).await.ok())
///     .await?;
/// # assert_eq!(price, Some(42));
/// # Ok::<(), resilience_actors::SharedCallLost>(())
/// # }).unwrap();
/// ```
pub struct Coalescer<K, T> {
    table: Arc<Mutex<Calls<K, T>>>,
}

/// A call ends early when the sender of its `()` is dropped.
type Calls<K, T> = Table<K, Sender<T>, Sender<()>>;

/// The shared call panicked, or its thread ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("internal error: the shared call panicked or its thread ended")]
pub struct SharedCallLost;

/// The shared calls at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CoalesceSnapshot {
    /// Shared calls in flight.
    pub in_flight: usize,
    /// Callers that wait for them.
    pub callers: usize,
    /// Callers so far that shared the call of an earlier one.
    pub coalesced: u64,
}

impl<K, T> Coalescer<K, T>
where
    K: Eq + Hash + Clone + 'static,
    T: Clone + 'static,
{
    /// A coalescer without calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for the answer of the call of `key` that is in flight on any thread. If there is none, makes it by `call`,
    /// in a task on the current thread. Requests with the same key must be identical.
    ///
    /// Dropping the future leaves the other callers alone, also if it was the one that made the call. When all callers
    /// have left, the future of `call` is dropped.
    ///
    /// # Errors
    /// The call panicked, or its thread ended before the answer.
    ///
    /// # Panics
    /// On a thread that runs neither an actix system nor a tokio `LocalSet`.
    pub async fn call<F>(&self, key: K, call: F) -> Result<T, SharedCallLost>
    where
        F: AsyncFnOnce() -> T + 'static,
    {
        let mut caller = self.join(key, call);
        (&mut caller.answer).await.map_err(|_| SharedCallLost)
    }

    fn join<F>(&self, key: K, call: F) -> Caller<K, T>
    where
        F: AsyncFnOnce() -> T + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let mut begun = None;
        let ticket = self.table().join(key.clone(), reply, || {
            let (stop, stopped) = oneshot::channel();
            begun = Some(stopped);
            stop
        });
        let caller = Caller { coalescer: self.clone(), key, ticket, answer };
        if let Some(stopped) = begun {
            let (coalescer, key) = (self.clone(), caller.key.clone());
            let flight = InFlight { coalescer, key, number: ticket.flight };
            spawn_local(flight.run(call, stopped));
        }
        caller
    }
}

impl<K, T> Coalescer<K, T> {
    /// The shared calls now.
    pub fn snapshot(&self) -> CoalesceSnapshot {
        self.table().snapshot()
    }

    fn table(&self) -> MutexGuard<'_, Calls<K, T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a shared call. Dropping it leaves the call.
struct Caller<K: Eq + Hash, T> {
    coalescer: Coalescer<K, T>,
    key: K,
    ticket: Ticket,
    answer: Receiver<T>,
}

impl<K: Eq + Hash, T> Drop for Caller<K, T> {
    fn drop(&mut self) {
        let left = self.coalescer.table().leave(&self.key, self.ticket);
        // After the lock: it wakes the task of the call.
        drop(left);
    }
}

/// The task of a shared call. However it ends, its callers wait no longer.
struct InFlight<K: Eq + Hash, T> {
    coalescer: Coalescer<K, T>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, T: Clone> InFlight<K, T> {
    async fn run<F: AsyncFnOnce() -> T>(self, call: F, stopped: Receiver<()>) {
        let call = pin!(call());
        tokio::select! {
            biased;
            answer = call => self.answer(answer),
            _ = stopped => {}
        }
    }

    /// Ends the call before its callers get the answer: they may call again at once.
    fn answer(&self, answer: T) {
        let mut callers = self.coalescer.table().end(&self.key, self.number);
        let last = callers.pop_last();
        // An error means that the caller has left.
        for caller in callers.into_values() {
            let _ = caller.send(answer.clone());
        }
        if let Some((_, caller)) = last {
            let _ = caller.send(answer);
        }
    }
}

impl<K: Eq + Hash, T> Drop for InFlight<K, T> {
    fn drop(&mut self) {
        let lost = self.coalescer.table().end(&self.key, self.number);
        // After the lock: it wakes the callers.
        drop(lost);
    }
}

impl<K, T> Clone for Coalescer<K, T> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table) }
    }
}

impl<K: Eq + Hash, T> Default for Coalescer<K, T> {
    fn default() -> Self {
        Self { table: Arc::default() }
    }
}

impl<K, T> fmt::Debug for Coalescer<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coalescer").field(&self.snapshot()).finish()
    }
}
