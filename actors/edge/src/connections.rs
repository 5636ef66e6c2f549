//! The connections of a server: who has a place, what each is doing, and those that the end of the
//! process does not wait for.
//!
//! A stream of events ends itself at [`Drain::started`](crate::Drain::started). But one whose reader
//! reads nothing is not polled, and what it has sent stays unsent: its connection would hold up the end
//! until the kernel gives up, or `SHUTDOWN_TIMEOUT` is over. So the handler of such a stream says that
//! its connection is not worth that ([`expendable`]).

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest,
    dev::ServiceRequest,
    http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING},
};
use tokio::time::{sleep, timeout};

use crate::{clock, telemetry::metrics::families::Families};

/// How long kept connections may stay idle before they are closed. One in use is used again within that.
const FAREWELL: Duration = Duration::from_millis(500);

/// If no connection was accepted for this long while new ones are refused, the accept queue is empty.
const QUIET: Duration = Duration::from_millis(100);

/// Longest wait for that: where new connections cannot be refused, it may never be so.
const SETTLED: Duration = Duration::from_secs(1);

/// The time for a reader who does read to get the end of its stream.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked who is left.
const INTERVAL: Duration = Duration::from_millis(50);

/// Refusals that are no further apart than this are one burst, and one line in the log.
const BURST: Duration = Duration::from_secs(10);

/// Says that the end of the process need not wait for the answer to `request` longer than a moment, and, while
/// what this returns lives, that its connection is not idle however long it says nothing. None where there is
/// no [`Server`](crate::Server) around it, as in tests.
#[must_use = "the connection is idle as soon as this is dropped"]
pub fn expendable(request: &HttpRequest) -> Option<Streaming> {
    let connection = request.conn_data::<Rc<Connection>>()?;
    connection.set_expendable(true);
    connection.streaming.set(true);
    Some(Streaming(Rc::clone(connection)))
}

/// An answer that goes on until it ends, and may say nothing for long. It belongs to the answer's body.
#[derive(Debug)]
pub struct Streaming(Rc<Connection>);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.streaming.set(false);
        self.0.quiet_from_now();
    }
}

/// Lets `request`'s body in, while what this returns lives: without, it waits in the kernel.
pub(crate) fn let_body_in(request: &HttpRequest) -> Option<BodyWanted> {
    let connection = request.conn_data::<Rc<Connection>>()?;
    connection.body_wanted.set(true);
    Some(BodyWanted(Rc::clone(connection)))
}

/// Counts a server's connections. Clones count the same.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    room: Room,
    /// Those that have ever come in.
    entered: AtomicUsize,
    open: AtomicUsize,
    doorway: AtomicUsize,
    leaving: AtomicUsize,
    expendable: AtomicUsize,
    refused: AtomicU64,
    last_refusal: Mutex<Option<Instant>>,
}

/// For how many connections there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Are served.
    pub(crate) places: usize,
    /// Have no place, and are listened to all the same: one of them may be a probe. As many more, which
    /// have been refused, are given time to hear it.
    pub(crate) doorway: usize,
}

/// Where a new connection may go.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It has a place.
    Place(Connection),
    /// All places are taken. If it is a probe it is served; else it is told so.
    Doorway(Connection),
    /// Nobody has time for it.
    Nowhere,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(room: Room) -> Self {
        Self(Arc::new(Counts {
            room,
            entered: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            doorway: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            expendable: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            last_refusal: Mutex::new(None),
        }))
    }

    pub(crate) fn room(&self) -> Room {
        self.0.room
    }

    /// Decides on a new connection.
    pub(crate) fn enter(&self) -> Entry {
        self.0.entered.fetch_add(1, Ordering::Relaxed);
        if take(&self.0.open, self.0.room.places) {
            Entry::Place(Connection::new(Arc::clone(&self.0), Whereabouts::Place))
        } else if take(&self.0.doorway, self.0.room.doorway) {
            Entry::Doorway(Connection::new(Arc::clone(&self.0), Whereabouts::Doorway))
        } else {
            Entry::Nowhere
        }
    }

    /// Counts a refusal, and tells of the first of a burst.
    pub(crate) fn refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        let now = clock::now();
        let mut last = self.0.last_refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace(now);
        drop(last);
        if before.is_none_or(|before| now.saturating_duration_since(before) > BURST) {
            let max = self.0.room.places;
            log::warn!("all {max} connections are in use: refusing further ones (MAX_CONNECTIONS)");
        }
    }

    /// A source for [`Metrics`](crate::Metrics).
    pub(crate) fn tell(&self, families: &mut Families) {
        let all = [
            ("http_connections", "Open connections that have a place.", count(&self.0.open)),
            ("http_connections_max", "Places for connections.", number(self.0.room.places)),
        ];
        for (name, help, value) in all {
            families.gauge(name, help, value);
        }
        families.counter(
            "http_connections_refused_total",
            "Connections that were refused because all places were taken.",
            number(self.0.refused.load(Ordering::Relaxed)),
        );
    }

    /// Resolves when no connection has been accepted for `time`.
    pub(crate) async fn no_newcomer_for(&self, time: Duration) {
        let mut before = self.0.entered.load(Ordering::Relaxed);
        let mut since = clock::now();
        while clock::now().saturating_duration_since(since) < time {
            sleep(time / 10).await;
            let entered = self.0.entered.load(Ordering::Relaxed);
            if entered != before {
                (before, since) = (entered, clock::now());
            }
        }
    }

    /// To be called when new connections are refused. Resolves when the accept queue is empty, and either none
    /// but expendable connections are left, or the others have had [`FAREWELL`] for one more request; after
    /// `limit` at the latest.
    pub(crate) async fn farewell(&self, limit: Duration) {
        let counts = &self.0;
        let told = async {
            // In this order: one that closes in between is still among all.
            while {
                let expendable = counts.expendable.load(Ordering::Relaxed);
                counts.all() > expendable
            } {
                sleep(QUIET / 10).await;
            }
        };
        let settled = timeout(SETTLED.min(limit), self.no_newcomer_for(QUIET));
        let told = timeout(FAREWELL.min(limit), told);
        let _ = futures::join!(settled, told);
    }

    /// Resolves, a moment from now at the earliest, when some are left and all of them are expendable,
    /// with their number.
    pub(crate) async fn only_expendable(&self) -> usize {
        sleep(GRACE).await;
        loop {
            // In this order: one that closes in between is still among all.
            let expendable = self.0.expendable.load(Ordering::Relaxed);
            if expendable > 0 && self.0.open.load(Ordering::Relaxed) <= expendable {
                return expendable;
            }
            sleep(INTERVAL).await;
        }
    }
}

fn take(places: &AtomicUsize, max: usize) -> bool {
    let one_more = |taken| (taken < max).then_some(taken + 1);
    places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
}

fn count(places: &AtomicUsize) -> f64 {
    number(places.load(Ordering::Relaxed))
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    Place,
    Doorway,
    Leaving,
}

impl Counts {
    fn all(&self) -> usize {
        [&self.open, &self.doorway, &self.leaving]
            .map(|part| part.load(Ordering::Relaxed))
            .iter()
            .sum()
    }

    fn at(&self, whereabouts: Whereabouts) -> &AtomicUsize {
        match whereabouts {
            Whereabouts::Place => &self.open,
            Whereabouts::Doorway => &self.doorway,
            Whereabouts::Leaving => &self.leaving,
        }
    }
}

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Sized,
    Chunks,
}

impl Body {
    fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(TRANSFER_ENCODING) {
            return Some(Self::Chunks);
        }
        headers.get(CONTENT_LENGTH).filter(|length| *length != "0").map(|_| Self::Sized)
    }
}

/// One connection: its place, and what it is doing. Its requests have it as `conn_data`, in an `Rc`.
#[derive(Debug)]
pub(crate) struct Connection {
    counts: Arc<Counts>,
    whereabouts: Cell<Whereabouts>,
    /// What waits to be sent is not worth waiting for.
    expendable: Cell<bool>,
    /// A stream of events is open.
    streaming: Cell<bool>,
    /// Requests that handlers work on: one, or none.
    in_flight: Cell<usize>,
    body_wanted: Cell<bool>,
    /// The body of the last request, while nobody has read it to its end.
    unread: Cell<Option<Body>>,
    /// Bytes that have come in since the last request began, while none was worked on.
    unclaimed: Cell<usize>,
    /// Since when nothing is worked on and nothing waits to be sent.
    quiet_since: Cell<Instant>,
}

impl Connection {
    fn new(counts: Arc<Counts>, whereabouts: Whereabouts) -> Self {
        Self {
            counts,
            whereabouts: Cell::new(whereabouts),
            expendable: Cell::new(false),
            streaming: Cell::new(false),
            in_flight: Cell::new(0),
            body_wanted: Cell::new(false),
            unread: Cell::new(None),
            unclaimed: Cell::new(0),
            quiet_since: Cell::new(clock::now()),
        }
    }

    /// That of a request; none where there is no [`Server`](crate::Server) around it.
    pub(crate) fn of(request: &ServiceRequest) -> Option<Rc<Self>> {
        request.conn_data::<Rc<Self>>().map(Rc::clone)
    }

    /// Whether it may have anything, rather than a probe's answer and no more.
    pub(crate) fn has_place(&self) -> bool {
        self.whereabouts.get() == Whereabouts::Place
    }

    /// Makes room in the doorway for the next one. False: there is no time for it to leave.
    pub(crate) fn leave_doorway(&self) -> bool {
        let leaves = take(&self.counts.leaving, self.counts.room.doorway);
        if leaves {
            self.counts
                .at(self.whereabouts.replace(Whereabouts::Leaving))
                .fetch_sub(1, Ordering::Relaxed);
        }
        leaves
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> usize {
        self.counts.room.places
    }

    /// A request with these headers has begun; it ends when what this returns is dropped.
    pub(crate) fn begin(self: Rc<Self>, headers: &HeaderMap) -> Working {
        self.unclaimed.set(0);
        self.unread.set(Body::of(headers));
        self.set_expendable(false);
        self.in_flight.set(self.in_flight.get() + 1);
        Working(self)
    }

    fn set_expendable(&self, is: bool) {
        let expendable = &self.counts.expendable;
        match (self.expendable.replace(is), is) {
            (false, true) => expendable.fetch_add(1, Ordering::Relaxed),
            (true, false) => expendable.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
    }

    /// Whether the next bytes belong to nobody's body.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.in_flight.get() == 0
    }

    /// Whether more of what the peer sends is wanted now.
    pub(crate) fn takes_more(&self) -> bool {
        self.is_between_requests() || self.body_wanted.get()
    }

    /// Whether nothing is worked on, and no stream of events is open.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_between_requests() && !self.streaming.get()
    }

    pub(crate) fn quiet_since(&self) -> Instant {
        self.quiet_since.get()
    }

    pub(crate) fn quiet_from_now(&self) {
        self.quiet_since.set(clock::now());
    }

    /// Whether the peer may be sending the rest of a body that nobody reads.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread.get().is_some()
    }

    /// Whether what comes in is the rest of chunks that nobody reads: actix-http drops them up to their end.
    /// Where that is cannot be seen from here, so that no request may follow them.
    pub(crate) fn drops_chunks(&self) -> bool {
        self.unread.get() == Some(Body::Chunks)
    }

    /// Bytes that no request has claimed yet: at most a head, if all is well.
    pub(crate) fn unclaimed(&self) -> usize {
        self.unclaimed.get()
    }

    pub(crate) fn came_in(&self, bytes: usize) {
        if self.is_between_requests() && !self.drops_chunks() {
            self.unclaimed.set(self.unclaimed.get() + bytes);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.at(self.whereabouts.get()).fetch_sub(1, Ordering::Relaxed);
        self.set_expendable(false);
    }
}

/// A request that is being worked on.
pub(crate) struct Working(Rc<Connection>);

impl Working {
    /// Its connection.
    pub(crate) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
        self.0.quiet_from_now();
    }
}

/// A handler that reads its request's body.
pub(crate) struct BodyWanted(Rc<Connection>);

impl BodyWanted {
    /// The body was read to its end.
    pub(crate) fn all_in(self) {
        self.0.unread.set(None);
    }
}

impl Drop for BodyWanted {
    fn drop(&mut self) {
        self.0.body_wanted.set(false);
    }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
