//! A request body that is sent while the answer may already arrive.
//!
//! awc sends all of a body before it reads a byte of the answer. It would not hear an upstream that refuses a large
//! body, and would wait for ever for one that answers while it still reads. So awc sends such a request without its
//! body: [`Socket`](super::socket::Socket) adds the framing to the head, and sends the body whenever awc reads.

mod outgoing;
mod progress;

use std::{
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream::LocalBoxStream};
use tokio::io::AsyncWrite;

use self::outgoing::Outgoing;
pub(crate) use self::progress::{SLOW_CALLER, UploadProgress};

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// Number of batches of parts that are sent before the answer is polled.
const TURNS: usize = 4;

/// Limits of a batch: when it has this many bytes or parts, no more are taken.
const BYTES_AT_ONCE: usize = 128 * 1024;
const PARTS_AT_ONCE: usize = 32;

/// The body of one request, with its framing.
pub(crate) struct Upload {
    body: LocalBoxStream<'static, Result<Bytes, PayloadError>>,
    /// `None`: chunked.
    length: Option<u64>,
    /// Number of bytes of the body that were received.
    received: u64,
    /// What must be sent before the next parts are taken.
    out: Outgoing,
    has_ended: bool,
    /// The connection takes no more, but there may be an answer.
    is_refused: bool,
    progress: Rc<UploadProgress>,
}

impl Upload {
    /// A body of `length` bytes, or a chunked one. Boxed, because each poll of its request moves it.
    pub(crate) fn new(
        body: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
        length: Option<u64>,
    ) -> Box<Self> {
        Box::new(Self {
            body: body.boxed_local(),
            length,
            received: 0,
            out: Outgoing::default(),
            has_ended: false,
            is_refused: false,
            progress: Rc::default(),
        })
    }

    pub(crate) fn progress(&self) -> &Rc<UploadProgress> {
        &self.progress
    }

    /// Takes the head of the request, to send it first.
    ///
    /// # Errors
    /// It is not complete.
    pub(super) fn take_head(&mut self, head: &[u8]) -> io::Result<()> {
        let Some(lines) = head.strip_suffix(END) else {
            return Err(io::Error::other("the head of the request is larger than a write"));
        };
        let mut head = BytesMut::from(lines);
        let framing = match self.length {
            Some(length) => format!("\r\ncontent-length: {length}"),
            None => "\r\ntransfer-encoding: chunked".to_owned(),
        };
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(END);
        self.out.push(head.freeze());
        Ok(())
    }

    /// Sends as much as possible. Ready when all is sent. Pending for ever if the connection takes no more.
    ///
    /// # Errors
    /// The body failed. [`UploadProgress::take_failure`] says why.
    pub(super) fn poll<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut waits_for_caller = false;
        let polled = self.poll_parts(io, cx, &mut waits_for_caller);
        self.progress.set_waiting(waits_for_caller);
        polled
    }

    fn poll_parts<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
        waits_for_caller: &mut bool,
    ) -> Poll<io::Result<()>> {
        for _ in 0..TURNS {
            if self.is_refused || ready!(self.poll_out(io, cx)).is_err() {
                self.is_refused = true;
                return Poll::Pending;
            }
            if self.has_ended {
                return Poll::Ready(Ok(()));
            }
            if self.take_parts(cx)? && self.out.is_empty() {
                *waits_for_caller = true;
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends and flushes what is in `out`.
    fn poll_out<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            ready!(self.out.poll_write(io, cx))?;
            self.progress.advance();
        }
        Pin::new(io).poll_flush(cx)
    }

    /// Takes all parts that are ready, as one batch. Returns true if it waits for the next part.
    fn take_parts(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let (mut parts, mut size, mut waits) = (Vec::new(), 0, false);
        while size < BYTES_AT_ONCE && parts.len() < PARTS_AT_ONCE && !self.has_ended {
            let Poll::Ready(part) = self.body.poll_next_unpin(cx) else {
                waits = true;
                break;
            };
            let part = part.transpose().map_err(|error| self.fail(error))?;
            self.count(part.as_ref())?;
            self.has_ended = part.is_none();
            self.progress.took_part(self.has_ended);
            size += part.as_ref().map_or(0, Bytes::len);
            parts.extend(part);
        }
        self.frame(parts, size);
        Ok(waits)
    }

    /// Counts a part, or the end.
    fn count(&mut self, part: Option<&Bytes>) -> io::Result<()> {
        self.received += part.map_or(0, Bytes::len) as u64;
        // The next request on the connection would be read as the rest of a body that is too short, and the rest of one
        // that is too long as a request.
        let is_right = self.length.is_none_or(|length| match part {
            Some(_) => self.received <= length,
            None => self.received == length,
        });
        if is_right { Ok(()) } else { Err(self.fail(PayloadError::Incomplete(None))) }
    }

    /// Puts parts of this size together into `out`, as one chunk if the body is chunked, and the end behind them.
    fn frame(&mut self, parts: Vec<Bytes>, size: usize) {
        let is_chunked = self.length.is_none();
        // A chunk of no bytes would be the last one.
        let has_chunk = is_chunked && size > 0;
        if has_chunk {
            self.out.push(format!("{size:x}\r\n").into());
        }
        for part in parts {
            self.out.push(part);
        }
        self.out.push(Bytes::from_static(match (has_chunk, is_chunked && self.has_ended) {
            (true, true) => b"\r\n0\r\n\r\n",
            (true, false) => b"\r\n",
            (false, true) => b"0\r\n\r\n",
            (false, false) => b"",
        }));
    }

    fn fail(&self, error: PayloadError) -> io::Error {
        self.progress.fail(error);
        io::Error::other("the body of the request ended early")
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
