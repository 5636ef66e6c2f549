//! The stream that awc reads from and writes to. It corrects response heads ([`Head`]), and reports a truncated
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
    head::{Head, MAX_HEAD, MINOR_VERSION},
};

thread_local! {
    /// The connection that the currently polled request has started to use. awc does not say which connection it
    /// took from its pool.
    static TAKEN: RefCell<Option<InUse>> = const { RefCell::new(None) };
}

/// Returns the connection that a request has started to use since the last call of this function.
pub(super) fn taken() -> Option<InUse> {
    TAKEN.take()
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

/// Progress of the response to the last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of the response has arrived.
    Unanswered,
    /// A part of the head has arrived and is in `held`.
    InHead,
    /// The head is complete: awc has it, or it is in `held` until awc reads it.
    Answering,
}

/// A connection to the backend, with corrected response heads.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Rc<Stream>,
    phase: Phase,
    /// Bytes that were read from the stream and that awc has not read yet.
    held: Vec<u8>,
    /// The error to return after the bytes in `held`.
    ended: Option<io::Error>,
}

impl Socket {
    pub(super) fn new(stream: Rc<Stream>) -> Self {
        Self { stream, phase: Phase::Answering, held: Vec::new(), ended: None }
    }

    /// Reads from the stream. Returns [`CutOff`] if the stream ends after the first byte of a response.
    fn poll_fill(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        // A stream that `Stream::close` has closed looks like one that the backend has closed.
        let read = self.stream.with_io(|io| Pin::new(io).poll_read(cx, buffer));
        let read = ready!(read.unwrap_or(Poll::Ready(Ok(()))));
        let has_ended = buffer.filled().len() == before && buffer.remaining() > 0;
        let answered = self.phase != Phase::Unanswered;
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
                if self.held.is_empty() {
                    return Poll::Ready(Err(error));
                }
                // awc first gets the incomplete head, then the error.
                self.phase = Phase::Answering;
                self.ended = Some(error);
                return self.pass_on(buffer);
            }
            let came = &buffer.filled()[before..];
            if came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let has_line = came.contains(&b'\n');
            self.phase = Phase::InHead;
            if self.held.is_empty() {
                // The usual case, the whole head in one read, needs no copy.
                match Head::of(came) {
                    Head::Final => self.phase = Phase::Answering,
                    Head::Unbounded => {
                        self.phase = Phase::Answering;
                        buffer.filled_mut()[before + MINOR_VERSION] = b'0';
                    }
                    Head::Incomplete | Head::Interim(_) => {}
                }
                if self.phase == Phase::Answering {
                    return Poll::Ready(Ok(()));
                }
            }
            self.held.extend_from_slice(&buffer.filled()[before..]);
            buffer.set_filled(before);
            // A head can only be complete after a line feed, so a head that arrives byte by byte is parsed once a line.
            if (has_line || self.held.len() >= MAX_HEAD) && self.find_final_head() {
                self.phase = Phase::Answering;
                return self.pass_on(buffer);
            }
        }
    }

    /// Removes interim responses from `held`. Returns true if the rest can be given to awc.
    fn find_final_head(&mut self) -> bool {
        loop {
            match Head::of(&self.held) {
                Head::Incomplete => return false,
                Head::Interim(length) => drop(self.held.drain(..length)),
                Head::Unbounded => {
                    self.held[MINOR_VERSION] = b'0';
                    return true;
                }
                Head::Final => return true,
            }
        }
    }

    /// Moves as many bytes as fit from `held` into `buffer`.
    fn pass_on(&mut self, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.held.len().min(buffer.remaining());
        buffer.put_slice(&self.held[..length]);
        self.held.drain(..length);
        if self.held.is_empty() {
            self.held = Vec::new();
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
        if this.phase != Phase::Answering {
            this.poll_head(cx, buffer)
        } else if !this.held.is_empty() {
            this.pass_on(buffer)
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
        if this.phase == Phase::Answering {
            this.phase = Phase::Unanswered;
            TAKEN.set(Some(InUse::new(Rc::clone(&this.stream))));
        }
        let written = this.stream.with_io(|io| Pin::new(io).poll_write(cx, bytes));
        written.unwrap_or_else(|| Poll::Ready(Err(io::ErrorKind::NotConnected.into())))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
