//! Bounds the number of connections to the backend, and closes idle ones.
//!
//! awc's pool of idle connections can neither be counted nor closed from outside. So the pool and this module share
//! each connection. One that this module closes looks to the pool as if the backend had closed it.

mod budget;
mod expiry;

use std::{
    cell::{Cell, Ref, RefCell},
    io,
    rc::{Rc, Weak},
    sync::atomic::Ordering,
    task::{Context, Poll},
};

use tokio::time::Instant;

pub use self::budget::ConnectionBudget;
pub(super) use self::budget::Slot;
use self::expiry::Expiry;
use super::{ConnectionSettings, io::Io, shortage::Shortage, upload::Upload};

/// One worker's connections to the backend.
#[derive(Debug)]
pub(super) struct Connections {
    budget: ConnectionBudget,
    all: RefCell<Vec<Weak<Stream>>>,
    idle: Cell<usize>,
    expiry: Option<Expiry>,
}

impl Connections {
    /// Without a limit on the time of an idle connection.
    pub(super) fn new(budget: ConnectionBudget) -> Self {
        Self { budget, all: RefCell::default(), idle: Cell::new(0), expiry: None }
    }

    /// Closes each idle connection when no request may use it any more.
    pub(super) fn expiring(self, settings: &ConnectionSettings) -> Self {
        Self { expiry: Some(Expiry::new(settings)), ..self }
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
            opened: Instant::now(),
            idle_since: Cell::new(None),
            upload: RefCell::new(None),
            connections: Rc::clone(self),
        });
        self.expire();
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
            if stream.idle_since.get().is_some() {
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
    opened: Instant,
    /// Since when no request uses the connection. `None` if one does.
    idle_since: Cell<Option<Instant>>,
    /// The rest of the request's body.
    upload: RefCell<Option<Box<Upload>>>,
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
    pub(super) fn begin_upload(&self, mut upload: Box<Upload>, head: &[u8]) -> io::Result<()> {
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
        let since = idle.then(Instant::now);
        match (self.idle_since.replace(since).is_some(), idle) {
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
mod tests;
