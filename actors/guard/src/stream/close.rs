//! Closes the stream so that the peer receives the last response.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::bounded_stream::BoundedStream;
use crate::connections::unread_body::READ_STEP;

/// Maximum time for a peer to close its side. If this side closes first, with bytes unread, the kernel resets the
/// connection and the peer may lose the response.
const LINGER: Duration = Duration::from_secs(1);

/// Maximum number of reads in one poll, so that a peer that keeps sending leaves time to other tasks.
const READS_AT_ONCE: usize = 8;

impl BoundedStream {
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused || self.connection.has_unread_body() {
            self.poll_linger(cx)
        } else {
            Pin::new(&mut self.io).poll_shutdown(cx)
        }
    }

    /// Ends the output, and discards the input until the peer closes or [`LINGER`] is over.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.lingering {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            self.lingering = true;
            self.deadline.set_timer(LINGER);
        }
        if self.deadline.poll_timer(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..READS_AT_ONCE {
            let mut discarded = [0; READ_STEP];
            let mut discarded = ReadBuf::new(&mut discarded);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut discarded))?;
            if discarded.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
