//! The stream that awc reads from and writes to. It corrects response heads ([`HeadFilter`]), and reports a truncated
//! response and a missing response as different errors.
//!
//! awc accepts a chunked body without its last chunk as complete if the connection closes. awc also returns the same
//! error for a reset before the first byte of a head and for a reset within the head.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready};
use resilience_actors::adapters::http::describe;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    connections::{InUse, Stream},
    filter::HeadFilter,
    request_head::without_date,
    upload::Upload,
};

thread_local! {
    /// The connection that the currently polled request has started to use. awc does not say which connection it
    /// took from its pool.
    static TAKEN: RefCell<Option<InUse>> = const { RefCell::new(None) };

    /// The body of the currently polled request, until it has a connection.
    static UPLOAD: RefCell<Option<Box<Upload>>> = const { RefCell::new(None) };
}

/// Returns the connection that a request has started to use since the last call of this function.
pub(super) fn taken() -> Option<InUse> {
    TAKEN.take()
}

/// Polls a request that sends the body `upload` as soon as it has a connection.
pub(super) fn with_upload<R>(upload: &mut Option<Box<Upload>>, poll: impl FnOnce() -> R) -> R {
    UPLOAD.replace(upload.take());
    let polled = poll();
    *upload = UPLOAD.take();
    polled
}

/// How a connection ended after at least one byte of the response had arrived.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutOff {
    /// The regular end of a response whose body ends with the connection.
    #[error("connection closed")]
    Closed,
    #[error("{0}")]
    Failed(String),
}

impl CutOff {
    /// Returns `None` if no byte of the response had arrived.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<CutOff> for io::Error {
    fn from(cut_off: CutOff) -> Self {
        Self::new(io::ErrorKind::UnexpectedEof, cut_off)
    }
}

/// A connection to the backend, with corrected response heads.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Rc<Stream>,
    filter: HeadFilter,
    /// Bytes of the head to send first.
    unsent_head: Vec<u8>,
    /// The error to return after the bytes that the filter holds.
    ended: Option<io::Error>,
}

impl Socket {
    pub(super) fn new(stream: Rc<Stream>) -> Self {
        Self { stream, filter: HeadFilter::new(), unsent_head: Vec::new(), ended: None }
    }

    /// Reads from the stream. Returns [`CutOff`] if the stream ends after the first byte of a response.
    fn poll_fill(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        // A stream that `Stream::close` has closed looks like one that the backend has closed.
        let read = self.stream.with_io(|io| Pin::new(io).poll_read(cx, buffer));
        let read = ready!(read.unwrap_or(Poll::Ready(Ok(()))));
        let has_ended = buffer.filled().len() == before && buffer.remaining() > 0;
        let answered = self.filter.is_answered();
        Poll::Ready(match read {
            Ok(()) if has_ended && answered => Err(CutOff::Closed.into()),
            Err(error) if answered => Err(CutOff::Failed(describe(&error)).into()),
            // Before the first byte of a response, the end of TLS makes no difference.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            read => read,
        })
    }

    /// Reads until the final head is complete, then gives awc the head and the bytes after it.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            if let Err(error) = ready!(self.poll_fill(cx, buffer)) {
                if !self.filter.holds_bytes() {
                    return Poll::Ready(Err(error));
                }
                // awc first gets the incomplete head, then the error.
                self.filter.end();
                self.ended = Some(error);
                self.filter.release(buffer);
                return Poll::Ready(Ok(()));
            }
            let came = &mut buffer.filled_mut()[before..];
            if came.is_empty() || self.filter.take(came) {
                return Poll::Ready(Ok(()));
            }
            buffer.set_filled(before);
            if self.filter.is_past_head() {
                self.filter.release(buffer);
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.with_io(|io| Pin::new(io).poll_write(cx, bytes));
        written.unwrap_or_else(|| Poll::Ready(Err(io::ErrorKind::NotConnected.into())))
    }

    fn poll_send_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent_head.is_empty() {
            let written = ready!(self.poll_send(cx, &self.unsent_head))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent_head.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.stream.poll_upload(cx)?;
        if !this.filter.is_past_head() {
            this.poll_head(cx, buffer)
        } else if this.filter.holds_bytes() {
            this.filter.release(buffer);
            Poll::Ready(Ok(()))
        } else if let Some(error) = this.ended.take() {
            Poll::Ready(Err(error))
        } else {
            this.poll_fill(cx, buffer)
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.filter.begin_request() {
            TAKEN.set(Some(InUse::new(Rc::clone(&this.stream))));
            let head = without_date(bytes);
            if let Some(upload) = UPLOAD.take() {
                this.stream.begin_upload(upload, head.as_deref().unwrap_or(bytes))?;
                return Poll::Ready(Ok(bytes.len()));
            }
            if let Some(head) = head {
                this.unsent_head = head;
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        ready!(this.poll_send_head(cx))?;
        this.poll_send(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_head(cx))?;
        self.stream.with_io(|io| Pin::new(io).poll_flush(cx)).unwrap_or(Poll::Ready(Ok(())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.with_io(|io| Pin::new(io).poll_shutdown(cx)).unwrap_or(Poll::Ready(Ok(())))
    }
}

impl ActixStream for Socket {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        let Some(io) = self.stream.io() else { return Poll::Ready(Ok(Ready::READ_CLOSED)) };
        ActixStream::poll_read_ready(io.tcp(), cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        let Some(io) = self.stream.io() else { return Poll::Ready(Ok(Ready::WRITE_CLOSED)) };
        ActixStream::poll_write_ready(io.tcp(), cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.stream.close();
    }
}
