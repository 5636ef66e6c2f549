//! The state of one connection.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Instant};

use actix_web::dev::ServiceRequest;

use super::counts::{Counts, Stage};
use crate::clock;

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    ContentLength,
    Chunked,
}

/// The state of one connection. Its requests have it as `conn_data`, in an `Rc`.
#[derive(Debug)]
pub(crate) struct Connection {
    counts: Arc<Counts>,
    stage: Cell<Stage>,
    /// True if the shutdown does not wait for the remaining output.
    expendable: Cell<bool>,
    /// True while an event stream is open.
    streaming: Cell<bool>,
    /// Number of requests that handlers work on: 0 or 1.
    active_requests: Cell<usize>,
    /// True while a handler reads the request's body.
    body_wanted: Cell<bool>,
    /// The body of the last request, until a handler has read it to its end.
    unread_body: Cell<Option<BodyFraming>>,
    /// Number of bytes received between requests since the last request began.
    unclaimed_bytes: Cell<usize>,
    /// Start of the current idle time: the start of the connection, or the end of the last request, event stream or
    /// blocked write.
    idle_since: Cell<Instant>,
}

impl Connection {
    /// A connection that `counts` counts in `stage`.
    pub(super) fn new(counts: Arc<Counts>, stage: Stage) -> Self {
        Self {
            counts,
            stage: Cell::new(stage),
            expendable: Cell::new(false),
            streaming: Cell::new(false),
            active_requests: Cell::new(0),
            body_wanted: Cell::new(false),
            unread_body: Cell::new(None),
            unclaimed_bytes: Cell::new(0),
            idle_since: Cell::new(clock::now()),
        }
    }

    /// The connection of a request. `None` without a [`Server`](crate::Server), as in tests.
    pub(crate) fn of(request: &ServiceRequest) -> Option<Rc<Self>> {
        request.conn_data::<Rc<Self>>().map(Rc::clone)
    }

    /// True if all requests are answered; false if only a probe is.
    pub(crate) fn is_served(&self) -> bool {
        self.stage.get() == Stage::Served
    }

    /// Ends the screening, so that another connection can be screened. Returns false if too many connections are
    /// closing: then this one must be closed at once.
    pub(crate) fn begin_closing(&self) -> bool {
        let entered = self.counts.enter(Stage::Closing);
        if entered {
            self.counts.leave(self.stage.replace(Stage::Closing));
        }
        entered
    }

    /// Maximum number of connections served at a time.
    pub(crate) fn max_served(&self) -> usize {
        self.counts.limits.served
    }

    /// True if no handler works on a request, so that the next bytes belong to a new request or to an unread body.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.active_requests.get() == 0
    }

    /// True if the server may read from the connection now.
    pub(crate) fn may_read(&self) -> bool {
        self.is_between_requests() || self.body_wanted.get()
    }

    /// True if no handler works on a request and no event stream is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_between_requests() && !self.streaming.get()
    }

    /// Start of the idle time. Meaningful only while [`is_idle`](Self::is_idle).
    pub(crate) fn idle_since(&self) -> Instant {
        self.idle_since.get()
    }

    /// Restarts the idle time.
    pub(crate) fn restart_idle_time(&self) {
        self.idle_since.set(clock::now());
    }

    /// True if the peer may still send the rest of a body that no handler reads.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread_body.get().is_some()
    }

    /// True if actix-http discards the incoming bytes as the rest of a chunked body. The end of that body cannot be
    /// seen from here, so no further request may follow on the connection.
    pub(crate) fn discards_chunks(&self) -> bool {
        self.unread_body.get() == Some(BodyFraming::Chunked)
    }

    /// Number of received bytes that belong to no request yet: the incomplete head of the next request.
    pub(crate) fn unclaimed_bytes(&self) -> usize {
        self.unclaimed_bytes.get()
    }

    /// Counts received bytes.
    pub(crate) fn count_received(&self, bytes: usize) {
        if self.is_between_requests() && !self.discards_chunks() {
            self.unclaimed_bytes.set(self.unclaimed_bytes.get() + bytes);
        }
    }

    pub(super) fn begin_request(&self, body: Option<BodyFraming>) {
        self.unclaimed_bytes.set(0);
        self.unread_body.set(body);
        self.set_expendable(false);
        self.active_requests.set(self.active_requests.get() + 1);
    }

    pub(super) fn end_request(&self) {
        self.active_requests.set(self.active_requests.get() - 1);
        self.restart_idle_time();
    }

    pub(super) fn set_body_wanted(&self, wanted: bool) {
        self.body_wanted.set(wanted);
    }

    pub(super) fn body_was_read(&self) {
        self.unread_body.set(None);
    }

    pub(super) fn set_streaming(&self, streaming: bool) {
        self.streaming.set(streaming);
    }

    pub(super) fn set_expendable(&self, expendable: bool) {
        if self.expendable.replace(expendable) != expendable {
            self.counts.change_expendable(expendable);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.leave(self.stage.get());
        self.set_expendable(false);
    }
}
