//! A connection to the backend as awc sees it: its answers' heads are corrected ([`Head`]), and an answer that
//! was cut off can be told from one that never came.
//!
//! awc takes the end of a connection for the end of a chunked body whose last chunk is missing, and cannot tell
//! a reset in a head from one before the head.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    connections::{InUse, Stream},
    connector::describe,
    head::{Head, MAX_HEAD, MINOR_VERSION},
};

thread_local! {
    /// The connection that the request which is being polled has begun to use. awc does not tell which it took.
    static TAKEN: RefCell<Option<InUse>> = const { RefCell::new(None) };
}

/// Takes the connection that a request has begun to use since the last time.
pub(super) fn taken() -> Option<InUse> {
    TAKEN.take()
}

/// Why a connection ended when a part of an answer had come.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutOff {
    /// Of an answer without a length this is the proper end.
    #[error("connection closed")]
    Closed,
    #[error("{0}")]
    Failed(String),
}

impl CutOff {
    /// None if no byte of the answer had come.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<CutOff> for io::Error {
    fn from(cut_off: CutOff) -> Self {
        Self::new(io::ErrorKind::UnexpectedEof, cut_off)
    }
}

/// How far the connection is with its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of the answer has come.
    Unanswered,
    /// A part of the head has come. It is in `held`.
    InHead,
    /// The head has been passed on to awc, or is in `held` for it.
    Answering,
}

/// A connection to the backend.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Rc<Stream>,
    phase: Phase,
    /// Bytes that have come and have not been passed on.
    held: Vec<u8>,
    /// How the connection ended behind them.
    ended: Option<io::Error>,
}

impl Socket {
    pub(super) fn new(stream: Rc<Stream>) -> Self {
        Self { stream, phase: Phase::Answering, held: Vec::new(), ended: None }
    }

    /// Reads what comes from the connection.
    fn poll_fill(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        // One that was closed here ends as if the backend had closed it.
        let read = self.stream.with_io(|io| Pin::new(io).poll_read(cx, buffer));
        let read = ready!(read.unwrap_or(Poll::Ready(Ok(()))));
        let has_ended = buffer.filled().len() == before && buffer.remaining() > 0;
        let answered = self.phase != Phase::Unanswered;
        Poll::Ready(match read {
            Ok(()) if has_ended && answered => Err(CutOff::Closed.into()),
            Err(error) if answered => Err(CutOff::Failed(describe(&error)).into()),
            read => read,
        })
    }

    /// Reads until the final head is there, and passes it on with whatever came with it.
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
                // awc gets what there is of the head, and then the error.
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
                // Nearly always the whole head comes at once: then nothing is copied.
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
            // A head ends with a line. One that comes byte by byte is not parsed at each of them.
            if (has_line || self.held.len() >= MAX_HEAD) && self.find_final_head() {
                self.phase = Phase::Answering;
                return self.pass_on(buffer);
            }
        }
    }

    /// Drops interim answers from the held bytes. True if what is left can be passed on.
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

    /// Gives awc as many of the held bytes as it has room for.
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
        ActixStream::poll_read_ready(&*io, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        let Some(io) = self.stream.io() else { return Poll::Ready(Ok(Ready::WRITE_CLOSED)) };
        ActixStream::poll_write_ready(&*io, cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.stream.close();
    }
}
