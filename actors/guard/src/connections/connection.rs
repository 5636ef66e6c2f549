//! The state of one connection.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    task::Waker,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    counts::{Counters, Stage},
    unread_body::{READ_STEP, UnreadBody},
};
use crate::limits::Limits;

/// The state of one connection. Its requests have it as `conn_data`, in an `Rc`.
#[derive(Debug)]
pub(crate) struct Connection {
    counters: Arc<Counters>,
    stage: Cell<Stage>,
    /// True if the shutdown does not wait for the remaining output.
    expendable: Cell<bool>,
    /// True while a response's body is sent, which may pause for long.
    responding: Cell<bool>,
    /// True while a part of a handler's response may wait to be written.
    has_output: Cell<bool>,
    /// Number of requests that handlers work on: 0 or 1.
    active_requests: Cell<usize>,
    /// True while a handler reads the request's body.
    body_wanted: Cell<bool>,
    /// If set, the request's body may take as long as it likes, with pauses of at most this long.
    body_pause: Cell<Option<Duration>>,
    /// The body of the last request, until a handler has read it to its end.
    unread_body: Cell<Option<UnreadBody>>,
    /// Number of bytes received between requests since the last request began.
    unclaimed_bytes: Cell<usize>,
    /// True if a request has said that it is the last one (RFC 9112, 9.6).
    last_request_seen: Cell<bool>,
    /// Start of the current idle time: the start of the connection, or the end of the last response or blocked write.
    idle_since: Cell<Instant>,
    /// The task that reads the connection, while the rest of a body waits to be wanted.
    reader: RefCell<Option<Waker>>,
}

impl Connection {
    /// A connection that `counters` counts in `stage`.
    pub(super) fn new(counters: Arc<Counters>, stage: Stage) -> Self {
        Self {
            counters,
            stage: Cell::new(stage),
            expendable: Cell::new(false),
            responding: Cell::new(false),
            has_output: Cell::new(false),
            active_requests: Cell::new(0),
            body_wanted: Cell::new(false),
            body_pause: Cell::new(None),
            unread_body: Cell::new(None),
            unclaimed_bytes: Cell::new(0),
            last_request_seen: Cell::new(false),
            idle_since: Cell::new(Instant::now()),
            reader: RefCell::new(None),
        }
    }

    /// True if all requests are answered; false if only a probe is.
    pub(crate) fn is_served(&self) -> bool {
        self.stage.get() == Stage::Served
    }

    /// Ends the screening, so that another connection can be screened. Returns false if too many connections are
    /// closing: then this one must be closed at once.
    pub(crate) fn begin_closing(&self) -> bool {
        let entered = self.counters.enter(Stage::Closing);
        if entered {
            self.counters.leave(self.stage.replace(Stage::Closing));
        }
        entered
    }

    /// The limits of the connection.
    pub(crate) fn limits(&self) -> &Limits {
        &self.counters.limits
    }

    /// True if no handler works on a request, so that the next bytes belong to a new request or to an unread body.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.active_requests.get() == 0
    }

    /// True if the server may read from the connection now.
    pub(crate) fn may_read(&self) -> bool {
        self.is_between_requests() || self.body_wanted.get()
    }

    /// True if no handler works on a request and no response's body is being sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_between_requests() && !self.responding.get()
    }

    /// Start of the idle time. Meaningful only while [`is_idle`](Self::is_idle).
    pub(crate) fn idle_since(&self) -> Instant {
        self.idle_since.get()
    }

    /// Restarts the idle time.
    pub(crate) fn restart_idle_time(&self) {
        self.idle_since.set(Instant::now());
    }

    /// True if the peer may still send the rest of a body that no handler reads.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread_body.get().is_some()
    }

    /// True if actix-http discards the incoming bytes as the rest of a chunked body. The end of that body cannot be
    /// seen from here, so no further request may follow on the connection.
    pub(crate) fn discards_chunks(&self) -> bool {
        matches!(self.unread_body.get(), Some(UnreadBody::Chunked { .. }))
    }

    /// Number of received bytes that belong to no request yet: the incomplete head of the next request.
    pub(crate) fn unclaimed_bytes(&self) -> usize {
        self.unclaimed_bytes.get()
    }

    /// The body that a handler reads.
    fn wanted_body(&self) -> Option<UnreadBody> {
        self.unread_body.get().filter(|_| self.body_wanted.get())
    }

    /// Number of bytes to read before the task yields.
    pub(crate) fn read_step(&self) -> usize {
        self.wanted_body().map_or(READ_STEP, UnreadBody::read_step)
    }

    /// Maximum number of bytes to read at once, if `step` bytes are to be read before the task yields.
    pub(crate) fn read_at_once(&self, step: usize) -> usize {
        self.wanted_body().map_or(step, |body| body.read_at_once(step))
    }

    /// Counts received bytes. Returns how many of them actix-http may read now. Does not count the rest, which may
    /// follow the body.
    pub(crate) fn count_received(&self, bytes: &[u8]) -> usize {
        let (mut body, mut used) = (self.unread_body.get(), bytes.len());
        if let Some(body) = &mut body {
            used = body.receive(bytes);
        }
        self.unread_body.set(body);
        let is_body = self.discards_chunks() || self.body_wanted.get();
        if self.is_between_requests() && !is_body {
            self.unclaimed_bytes.set(self.unclaimed_bytes.get() + used);
        }
        used
    }

    /// A handler begins to work on a request.
    pub(crate) fn begin_request(&self, body: Option<UnreadBody>) {
        self.unclaimed_bytes.set(0);
        self.body_pause.set(None);
        self.unread_body.set(body);
        self.set_expendable(false);
        self.active_requests.set(self.active_requests.get() + 1);
    }

    /// Notes a request, the last one of its connection if `is_last`. Returns false if an earlier request was the last.
    pub(crate) fn note_request(&self, is_last: bool) -> bool {
        !self.last_request_seen.replace(is_last || self.last_request_seen.get())
    }

    /// The handler has returned. Its response's body may follow.
    pub(crate) fn end_request(&self) {
        self.active_requests.set(self.active_requests.get() - 1);
        if !self.responding.get() {
            self.restart_idle_time();
        }
    }

    /// `reader` is woken when a handler wants the request's body.
    pub(crate) fn wait_until_body_is_wanted(&self, reader: &Waker) {
        *self.reader.borrow_mut() = Some(reader.clone());
    }

    /// A handler, or the response's body, reads the request's body, or no longer does.
    pub(crate) fn set_body_wanted(&self, wanted: bool) {
        if !self.body_wanted.replace(wanted)
            && wanted
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }

    /// The longest pause of the request's body, if there is no limit to its whole time.
    pub(crate) fn body_pause(&self) -> Option<Duration> {
        self.body_pause.get()
    }

    /// Limits the pauses of the request's body, and not its whole time.
    pub(crate) fn limit_body_pauses(&self, longest: Duration) {
        self.body_pause.set(Some(longest));
    }

    /// A handler gets a part of the request's body.
    pub(crate) fn hand_out(&self, bytes: usize) {
        let mut body = self.unread_body.get();
        if let Some(body) = &mut body {
            body.hand_out(bytes);
        }
        self.unread_body.set(body);
    }

    /// A handler has read the request's body to its end.
    pub(crate) fn body_was_read(&self) {
        self.unread_body.set(None);
        self.set_body_wanted(false);
    }

    /// actix-http gets a part of a handler's response.
    pub(crate) fn begin_output(&self) {
        self.has_output.set(true);
    }

    /// actix-http has written all that it had.
    pub(crate) fn end_output(&self) {
        self.has_output.set(false);
    }

    /// True while a part of a handler's response may wait to be written. What is written otherwise is actix-http's own.
    pub(crate) fn has_output(&self) -> bool {
        self.has_output.get()
    }

    /// A response's body begins.
    pub(crate) fn begin_response_body(&self) {
        self.responding.set(true);
    }

    /// The response's body has ended.
    pub(crate) fn end_response_body(&self) {
        self.responding.set(false);
        self.restart_idle_time();
    }

    /// The shutdown does not wait for the remaining output, or does again.
    pub(crate) fn set_expendable(&self, expendable: bool) {
        if self.expendable.replace(expendable) != expendable {
            self.counters.change_expendable(expendable);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counters.leave(self.stage.get());
        self.set_expendable(false);
    }
}
