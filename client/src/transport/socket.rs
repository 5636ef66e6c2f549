//! A connection to the backend that tells an answer that was cut off from one that never came.
//!
//! awc takes the end of a connection for the end of what it reads: of a chunked body too, whose last
//! chunk is missing. And a reset in a head looks to it like one before the head.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready, TcpStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connector::describe;

/// Why a connection ended when a part of an answer had come.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutOff {
    /// Of an answer without a length this is the proper end (HTTP/1.0).
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

/// A connection to the backend.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// Something has come since the last request.
    answering: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, answering: false }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let has_ended = buffer.filled().len() == before && buffer.remaining() > 0;
        Poll::Ready(match read {
            Ok(()) if !has_ended => {
                self.answering = true;
                Ok(())
            }
            Ok(()) if self.answering => Err(CutOff::Closed.into()),
            Err(error) if self.answering => Err(CutOff::Failed(describe(&error)).into()),
            unanswered => unanswered,
        })
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answering = false;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl ActixStream for Socket {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.stream, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.stream, cx)
    }
}
