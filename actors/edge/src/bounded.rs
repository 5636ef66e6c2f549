//! A connection's stream, which bounds what its peer can make the process hold: in time and in memory.
//!
//! actix-http bounds the time of a connection's first head alone, reads as far ahead as a peer sends (128 KiB,
//! or thousands of pipelined requests, decoded), and answers what it refuses without a body. So here:
//!
//! - A request must begin within [`QUIET_LIMIT`] of the connection's beginning, or of the answer before it; one
//!   whose first bytes are there by then is given as long once more, and is then answered with 408.
//! - The rest of a body that nobody reads is no request. It is dropped, for as long as a connection may be
//!   without one, and the connection ends: closed at once it would take the answer away.
//! - More than [`MAX_HEAD`] bytes that make no request are answered with 431.
//! - While a request is worked on nothing is read but a body that is wanted: the rest waits in the kernel,
//!   whose buffer is the peer's own bound. Nor is anything read while an answer waits for its reader.
//! - What actix-http refuses before there is a request (400, 431 for more than 96 headers) gets a body.
//! - A peer that takes nothing of its answer for [`STALL_LIMIT`] is dropped.
//!
//! Time may stand still for the process (SIGSTOP, a suspended machine). When it goes on, all limits are over, before
//! the runtime has asked the kernel what came in meanwhile. So the socket itself is asked before a limit counts.

use std::{
    io::{self, Read as _},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use actix_web::{http::StatusCode, rt::net::TcpStream};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{ApiError, clock, connections::connection::Connection};

/// How long a connection may be without a request, and then take for a request's head.
pub(crate) const QUIET_LIMIT: Duration = Duration::from_secs(5);

/// How long a peer may take nothing of what waits for it.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// How long one who was refused, or whose body was not read, may take to close its side: closing first
/// could take the answer away.
const LINGER: Duration = Duration::from_secs(1);

/// The largest head of a request, in bytes.
pub(crate) const MAX_HEAD: usize = 16 * 1024;

/// How much is read before what has come in is looked at: most requests' heads. It bounds how many pipelined
/// requests are decoded ahead of their turn: each may take 5 KiB, of 24 bytes.
const READ_AT_ONCE: usize = 512;

/// The stream of a connection.
pub(crate) struct Bounded {
    io: TcpStream,
    connection: Rc<Connection>,
    /// When it is looked again how long things have lasted. It is not re-armed at each request.
    timer: Pin<Box<Sleep>>,
    /// Read since the task was last left to others.
    handed: usize,
    /// There may be something that was not read, though nobody will be told of it.
    held_back: bool,
    blocked_since: Option<Instant>,
    /// When the head that has begun was given more time.
    extended_at: Option<Instant>,
    /// It gets nothing more, and nothing more is read.
    refused: bool,
    lingering: bool,
}

impl Bounded {
    pub(crate) fn new(io: TcpStream, connection: Connection) -> Self {
        Self {
            io,
            connection: Rc::new(connection),
            timer: Box::pin(sleep(QUIET_LIMIT)),
            handed: 0,
            held_back: false,
            blocked_since: None,
            extended_at: None,
            refused: false,
            lingering: false,
        }
    }

    pub(crate) fn io(&self) -> &TcpStream {
        &self.io
    }

    pub(crate) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Says `answer`, if it can be said at once, and the end to both sides. Shut it down after.
    pub(crate) fn refuse(&mut self, answer: &[u8], cx: &mut Context<'_>) {
        self.refused = true;
        // As nothing waits to be sent there is room for it.
        let _ = Pin::new(&mut self.io).poll_write(cx, answer);
    }

    /// Whether the peer has used up its time.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = clock::now();
            let deadline = if let Some(since) = self.blocked_since {
                since + STALL_LIMIT
            } else if self.connection.is_idle() {
                let since = self.connection.idle_since();
                let begun = self.connection.unclaimed_bytes() > 0;
                let extended = self.extended_at.filter(|at| *at >= since);
                if begun && extended.is_none() && since + QUIET_LIMIT <= now {
                    self.extended_at = Some(now);
                    now + QUIET_LIMIT
                } else {
                    extended.unwrap_or(since) + QUIET_LIMIT
                }
            } else {
                now + QUIET_LIMIT
            };
            if deadline <= now {
                // To be found overdue again, should somebody ask again.
                self.timer.as_mut().reset(now.into());
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline.into());
        }
    }

    /// The answer that should have had a body: actix-http's own to a head that it cannot read. It comes after
    /// others, and this is where it begins.
    fn bodyless_refusal(&self, bytes: &[u8]) -> Option<(usize, ApiError)> {
        // Most answers stop here: they end with their bodies.
        if !bytes.ends_with(b"\r\n\r\n") || !self.connection.is_between_requests() {
            return None;
        }
        let version = b"HTTP/1.1 ";
        let begin = bytes.windows(version.len()).rposition(|window| window == version)?;
        let head = std::str::from_utf8(&bytes[begin + version.len()..]).ok()?;
        if !head.contains("\r\ncontent-length: 0\r\n") {
            return None;
        }
        let error = match head.get(..3)? {
            "400" => ApiError::bad_request("the request's head is not valid HTTP/1.1"),
            "431" => ApiError::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "the request has more than 96 headers",
            ),
            _ => return None,
        };
        Some((begin, error))
    }

    /// While nothing is read. The peer's end is an end all the same.
    fn poll_hold_back(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut byte = [0];
        match self.io.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(_)) => self.held_back = true,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {}
        }
        // Only re-arms the timer: whoever is worked for is not late.
        let _ = self.poll_overdue(cx);
        if self.held_back && self.has_left(cx) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Whether the peer's end comes behind what is held back. Nobody is told of it: it is looked for when the
    /// timer is due.
    fn has_left(&self, cx: &mut Context<'_>) -> bool {
        let polled = pin!(self.io.ready(Interest::READABLE)).poll(cx);
        matches!(polled, Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    /// What was held back may be read now.
    fn wake_if_held_back(&mut self, cx: &Context<'_>) {
        if self.held_back && self.blocked_since.is_none() && self.connection.may_read() {
            self.held_back = false;
            cx.waker().wake_by_ref();
        }
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.lingering {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            self.lingering = true;
            self.timer.as_mut().reset((clock::now() + LINGER).into());
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        // A few times at a go, so that one who sends and sends leaves time to others.
        for _ in 0..8 {
            let mut dropped = [0; READ_AT_ONCE];
            let mut dropped = ReadBuf::new(&mut dropped);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut dropped))?;
            if dropped.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refused {
            return Poll::Ready(Ok(()));
        }
        if this.blocked_since.is_some() {
            this.held_back = true;
            return Poll::Pending;
        }
        if !this.connection.may_read() {
            return this.poll_hold_back(cx);
        }
        if this.connection.unclaimed_bytes() > MAX_HEAD {
            let message = format!("the request's head is over {MAX_HEAD} bytes");
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            this.refuse(&ApiError::new(status, message).to_closing_response(), cx);
            return Poll::Ready(Ok(()));
        }
        if this.handed >= READ_AT_ONCE {
            this.handed = 0;
            // Chunks may come and come, and are bounded by time alone.
            this.refused = this.connection.discards_chunks() && this.poll_overdue(cx).is_ready();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let room = buffer.remaining().min(READ_AT_ONCE - this.handed);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let polled = Pin::new(&mut this.io).poll_read(cx, &mut part);
        let read = part.filled().len();
        if polled.is_ready() {
            buffer.advance(read);
            this.handed += read;
            this.connection.count_received(read);
            return polled;
        }
        this.handed = 0;
        ready!(this.poll_overdue(cx));
        match (&*SockRef::from(&this.io)).read(buffer.initialize_unfilled_to(room)) {
            Ok(read) => {
                buffer.advance(read);
                this.handed = read;
                this.connection.count_received(read);
                return Poll::Ready(Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        if this.connection.unclaimed_bytes() > 0 {
            let error = ApiError::request_timeout("the request's head did not arrive in time");
            this.refuse(&error.to_closing_response(), cx);
        } else {
            // A connection that nobody uses is no failure: it just ends.
            this.refused = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let bytes = match this.bodyless_refusal(bytes) {
            Some((0, error)) => {
                this.refuse(&error.to_closing_response(), cx);
                return Poll::Ready(Ok(bytes.len()));
            }
            Some((begin, _)) => &bytes[..begin],
            None => bytes,
        };
        let mut polled = Pin::new(&mut this.io).poll_write(cx, bytes);
        if polled.is_pending() {
            if this.blocked_since.is_none() {
                this.blocked_since = Some(clock::now());
            }
            ready!(this.poll_overdue(cx));
            // The kernel tells of room when a third of its buffer is free. A slow reader may have taken less.
            let sent = SockRef::from(&this.io).send(bytes);
            polled = Poll::Ready(sent.map_err(|_| io::ErrorKind::TimedOut.into()));
        }
        if this.blocked_since.take().is_some() {
            this.connection.restart_idle_time();
            this.wake_if_held_back(cx);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wake_if_held_back(cx);
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refused || this.connection.has_unread_body() {
            this.poll_linger(cx)
        } else {
            Pin::new(&mut this.io).poll_shutdown(cx)
        }
    }
}

#[cfg(test)]
#[path = "bounded_tests.rs"]
mod tests;
