//! Writes to the peer.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::io::AsyncWrite;

use super::{bodyless_refusal, bounded_stream::BoundedStream};

impl AsyncWrite for BoundedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.connection.has_output()
            && let Some(refusal) = bodyless_refusal::of(bytes)
        {
            this.refuse(refusal, cx);
            return Poll::Ready(Ok(bytes.len()));
        }
        let mut polled = Pin::new(&mut this.io).poll_write(cx, bytes);
        if polled.is_pending() {
            this.deadline.begin_blocked();
            ready!(this.deadline.poll_overdue(&this.connection, cx));
            // The kernel reports room when a third of its buffer is free. A slow reader may have taken less.
            let sent = SockRef::from(&this.io).send(bytes);
            polled = Poll::Ready(sent.map_err(|_| io::ErrorKind::TimedOut.into()));
        }
        if this.deadline.end_blocked() {
            this.connection.restart_idle_time();
            this.wake_if_held_back(cx);
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.connection.end_output();
        this.wake_if_held_back(cx);
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_close(cx)
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
