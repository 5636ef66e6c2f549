//! A request body that is sent while the answer may already arrive.
//!
//! awc sends all of a body before it reads a byte of the answer. It would not hear an upstream that refuses a large body,
//! and would wait for ever for one that answers while it still reads. So awc sends such a request without its body:
//! [`Socket`](super::socket::Socket) adds the framing to the head, and sends the body whenever awc reads.

mod progress;

use std::{
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::error::PayloadError;
use bytes::{Buf as _, Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream::LocalBoxStream};
use tokio::io::AsyncWrite;

pub(crate) use self::progress::{SLOW_CALLER, UploadProgress};

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// Maximum number of parts that are sent at a time before the answer is looked at.
const PARTS: usize = 16;

/// The body of one request, with its framing.
pub(crate) struct Upload {
    body: LocalBoxStream<'static, Result<Bytes, PayloadError>>,
    /// `None`: chunked.
    length: Option<u64>,
    /// Number of bytes of the body that were received.
    received: u64,
    /// What must be sent before the next part: at most one part with its framing.
    out: BytesMut,
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
            out: BytesMut::new(),
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
        self.out.extend_from_slice(lines);
        let framing = match self.length {
            Some(length) => format!("\r\ncontent-length: {length}"),
            None => "\r\ntransfer-encoding: chunked".to_owned(),
        };
        self.out.extend_from_slice(framing.as_bytes());
        self.out.extend_from_slice(END);
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
        for _ in 0..PARTS {
            if self.is_refused || ready!(self.poll_out(io, cx)).is_err() {
                self.is_refused = true;
                return Poll::Pending;
            }
            if self.has_ended {
                return Poll::Ready(Ok(()));
            }
            match self.body.poll_next_unpin(cx) {
                Poll::Ready(part) => self.take(part)?,
                Poll::Pending => {
                    *waits_for_caller = true;
                    return Poll::Pending;
                }
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
        while self.out.has_remaining() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Pin::new(io).poll_flush(cx)
    }

    fn take(&mut self, part: Option<Result<Bytes, PayloadError>>) -> io::Result<()> {
        let part = match part {
            Some(Ok(part)) => Some(part),
            Some(Err(error)) => return Err(self.fail(error)),
            None => None,
        };
        self.received += part.as_ref().map_or(0, Bytes::len) as u64;
        // The next request on the connection would be read as the rest of a body that is too short, and the rest of one
        // that is too long as a request.
        let is_right = self.length.is_none_or(|length| match part {
            Some(_) => self.received <= length,
            None => self.received == length,
        });
        if !is_right {
            return Err(self.fail(PayloadError::Incomplete(None)));
        }
        match part {
            Some(part) => self.frame(&part),
            None => self.end(),
        }
        self.progress.took_part(self.has_ended);
        Ok(())
    }

    fn frame(&mut self, part: &[u8]) {
        match self.length {
            // A chunk of no bytes would be the last one.
            _ if part.is_empty() => {}
            Some(_) => self.out.extend_from_slice(part),
            None => {
                self.out.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                self.out.extend_from_slice(part);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn end(&mut self) {
        self.has_ended = true;
        if self.length.is_none() {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
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
