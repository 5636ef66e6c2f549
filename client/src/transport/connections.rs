//! Bounds the number of connections to the backend, and closes idle ones.
//!
//! awc's pool of idle connections can neither be counted nor closed from outside. So the pool and this module share
//! each connection. One that this module closes looks to the pool as if the backend had closed it.

use std::{
    cell::{Cell, Ref, RefCell},
    io,
    rc::{Rc, Weak},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use super::{io::Io, shortage::Shortage, upload::Upload};

/// Bounds on the number of the process's connections to the backend. Clones share the same counters.
#[derive(Debug, Clone)]
pub struct ConnectionBudget {
    counts: Arc<Counts>,
    calls: usize,
    idle: usize,
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    idle: AtomicUsize,
}

impl ConnectionBudget {
    /// Allows at most `calls + idle` open connections, and at most `idle` that no request uses.
    pub fn new(calls: usize, idle: usize) -> Self {
        Self { counts: Arc::default(), calls, idle }
    }

    /// Takes a slot if fewer than `max` connections are open.
    fn take(&self, max: usize) -> Option<Slot> {
        let one_more = |open| (open < max).then_some(open + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.counts.open.fetch_update(set, fetch, one_more).ok()?;
        Some(Slot(Arc::clone(&self.counts)))
    }

    fn has_too_many_idle(&self) -> bool {
        self.counts.idle.load(Ordering::Relaxed) > self.idle
    }
}

/// The right to have one connection open. Dropping the slot frees it.
#[derive(Debug)]
pub(super) struct Slot(Arc<Counts>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One worker's connections to the backend.
#[derive(Debug)]
pub(super) struct Connections {
    budget: ConnectionBudget,
    all: RefCell<Vec<Weak<Stream>>>,
    idle: Cell<usize>,
}

impl Connections {
    pub(super) fn new(budget: ConnectionBudget) -> Self {
        Self { budget, all: RefCell::default(), idle: Cell::new(0) }
    }

    /// Takes a slot for a new connection of a call. If none is free, closes this worker's idle connections first.
    ///
    /// # Errors
    /// No slot is free, although this worker has no idle connection.
    pub(super) fn slot(&self) -> io::Result<Slot> {
        let max = self.budget.calls + self.budget.idle;
        let slot = self.budget.take(max).or_else(|| {
            self.close_idle();
            self.budget.take(max)
        });
        slot.ok_or_else(|| Shortage::of_connections(max))
    }

    /// Takes a slot for an additional connection of the same call, if every other call can still get one.
    pub(super) fn spare_slot(&self) -> Option<Slot> {
        self.budget.take(self.budget.idle)
    }

    /// Registers a connection that was opened for a request.
    pub(super) fn add(self: &Rc<Self>, io: Io, slot: Slot) -> Rc<Stream> {
        let stream = Rc::new(Stream {
            open: RefCell::new(Some((io, slot))),
            idle: Cell::new(false),
            upload: RefCell::new(None),
            connections: Rc::clone(self),
        });
        let mut all = self.all.borrow_mut();
        if all.len() == all.capacity() {
            all.retain(|stream| stream.strong_count() > 0);
        }
        all.push(Rc::downgrade(&stream));
        stream
    }

    /// Closes this worker's idle connections.
    pub(super) fn close_idle(&self) {
        if self.idle.get() == 0 {
            return;
        }
        for stream in self.all.borrow().iter().filter_map(Weak::upgrade) {
            if stream.idle.get() {
                stream.close();
            }
        }
    }
}

/// A connection that awc's pool and [`Connections`] share.
#[derive(Debug)]
pub(super) struct Stream {
    /// `None` after [`close`](Self::close).
    open: RefCell<Option<(Io, Slot)>>,
    /// True if no request uses the connection.
    idle: Cell<bool>,
    /// The rest of the request's body.
    upload: RefCell<Option<Upload>>,
    connections: Rc<Connections>,
}

impl Stream {
    /// Returns the connection, or `None` if it is closed.
    pub(super) fn io(&self) -> Option<Ref<'_, Io>> {
        Ref::filter_map(self.open.borrow(), |open| open.as_ref().map(|(io, _)| io)).ok()
    }

    /// Calls `work` with the connection. Returns `None` if it is closed.
    pub(super) fn with_io<R>(&self, work: impl FnOnce(&mut Io) -> R) -> Option<R> {
        self.open.borrow_mut().as_mut().map(|(io, _)| work(io))
    }

    /// Begins to send a request with this body. `head` is its head without the framing of the body.
    ///
    /// # Errors
    /// The head is not complete.
    pub(super) fn begin_upload(&self, mut upload: Upload, head: &[u8]) -> io::Result<()> {
        upload.take_head(head)?;
        *self.upload.borrow_mut() = Some(upload);
        Ok(())
    }

    /// Sends more of the request's body, if there is some.
    ///
    /// # Errors
    /// The body ended early.
    pub(super) fn poll_upload(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut upload = self.upload.borrow_mut();
        let Some(sending) = upload.as_mut() else { return Ok(()) };
        if let Some(Poll::Ready(sent)) = self.with_io(|io| sending.poll(io, cx)) {
            sent?;
            *upload = None;
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.set_idle(false);
        drop(self.upload.take());
        if let Some((io, _slot)) = self.open.take() {
            io.close();
        }
    }

    fn set_idle(&self, idle: bool) {
        let (own, all) = (&self.connections.idle, &self.connections.budget.counts.idle);
        match (self.idle.replace(idle), idle) {
            (false, true) => {
                own.set(own.get() + 1);
                all.fetch_add(1, Ordering::Relaxed);
            }
            (true, false) => {
                own.set(own.get() - 1);
                all.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// Marks a connection as used by a request. When it is dropped, the connection becomes idle, or is closed if there
/// are too many idle ones, or if the request's body was not sent to its end.
#[derive(Debug)]
pub(crate) struct InUse(Rc<Stream>);

impl InUse {
    pub(super) fn new(stream: Rc<Stream>) -> Self {
        stream.set_idle(false);
        Self(stream)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let Self(stream) = self;
        if stream.open.borrow().is_none() {
            return;
        }
        if stream.upload.borrow().is_some() {
            stream.close();
            return;
        }
        stream.set_idle(true);
        if stream.connections.budget.has_too_many_idle() {
            stream.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_rt::net::TcpStream;

    use super::*;

    async fn connections(calls: usize, idle: usize) -> (Rc<Connections>, Fixture) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = Connections::new(ConnectionBudget::new(calls, idle));
        (Rc::new(connections), Fixture(listener))
    }

    struct Fixture(tokio::net::TcpListener);

    impl Fixture {
        async fn open(&self, connections: &Rc<Connections>) -> Rc<Stream> {
            let slot = connections.slot().unwrap();
            let io = TcpStream::connect(self.0.local_addr().unwrap()).await.unwrap();
            connections.add(Io::Plain(io), slot)
        }
    }

    fn open_and_idle(connections: &Connections) -> (usize, usize) {
        let counts = &connections.budget.counts;
        (counts.open.load(Ordering::Relaxed), counts.idle.load(Ordering::Relaxed))
    }

    #[actix_web::test]
    async fn the_budget_bounds_connections_and_idle_ones_are_closed_first() {
        let (connections, fixture) = connections(1, 1).await;
        let (first, second) = (fixture.open(&connections).await, fixture.open(&connections).await);
        let in_use = (InUse::new(first.clone()), InUse::new(second.clone()));
        assert!(connections.slot().is_err());
        drop(in_use.0);
        assert!(connections.slot().is_ok(), "in place of the idle one");
        assert!(first.io().is_none() && second.io().is_some());
    }

    #[actix_web::test]
    async fn a_spare_connection_leaves_one_for_each_other_call() {
        let (connections, _fixture) = connections(3, 2).await;
        let slots = [connections.spare_slot(), connections.spare_slot()];
        assert!(slots.iter().all(Option::is_some));
        assert!(connections.spare_slot().is_none());
        let calls = [(); 3].map(|()| connections.slot());
        assert!(calls.iter().all(Result::is_ok) && connections.slot().is_err());
    }

    #[actix_web::test]
    async fn close_idle_keeps_connections_in_use() {
        let (connections, fixture) = connections(10, 10).await;
        let (used, idle) = (fixture.open(&connections).await, fixture.open(&connections).await);
        let _in_use = InUse::new(used.clone());
        drop(InUse::new(idle.clone()));
        connections.close_idle();
        assert!(used.io().is_some() && idle.io().is_none());
        assert_eq!(open_and_idle(&connections), (1, 0));
    }

    #[actix_web::test]
    async fn a_connection_that_exceeds_the_idle_limit_of_all_workers_is_closed() {
        let (connections, fixture) = connections(10, 1).await;
        let other_worker = Rc::new(Connections::new(connections.budget.clone()));
        let streams = [fixture.open(&connections).await, fixture.open(&other_worker).await];
        for stream in &streams {
            drop(InUse::new(stream.clone()));
        }
        assert!(streams[0].io().is_some() && streams[1].io().is_none());
        drop(InUse::new(streams[0].clone()));
        assert!(streams[0].io().is_some(), "it was in use meanwhile");
        assert_eq!(open_and_idle(&connections), (1, 1));
    }
}
