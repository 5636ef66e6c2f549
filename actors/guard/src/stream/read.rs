//! Reads from the peer.

use std::{
    io::{self, Read as _},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use socket2::SockRef;
use tokio::io::{AsyncRead, Interest, ReadBuf};

use super::bounded_stream::BoundedStream;
use crate::refusal::Refusal;

/// Number of bytes read before the task yields: the size of most heads. It bounds how many pipelined requests
/// are decoded ahead of their turn: a request of 24 bytes may take 5 KiB when decoded.
pub(super) const READ_AT_ONCE: usize = 512;

impl AsyncRead for BoundedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refused {
            return Poll::Ready(Ok(()));
        }
        if this.deadline.is_blocked() {
            this.held_back = true;
            return Poll::Pending;
        }
        if !this.connection.may_read() {
            return this.poll_hold_back(cx);
        }
        let max = this.connection.limits().head;
        if this.connection.unclaimed_bytes() > max {
            this.refuse(Refusal::HeadTooLarge { max }, cx);
            return Poll::Ready(Ok(()));
        }
        if this.read_since_yield >= READ_AT_ONCE {
            this.read_since_yield = 0;
            // Discarded chunks have no limit but time.
            this.refused = this.connection.discards_chunks()
                && this.deadline.poll_overdue(&this.connection, cx).is_ready();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.poll_socket(cx, buffer)
    }
}

impl BoundedStream {
    fn poll_socket(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(READ_AT_ONCE - self.read_since_yield);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        let read = part.filled().len();
        if polled.is_ready() {
            buffer.advance(read);
            self.read_since_yield += read;
            self.connection.count_received(read);
            return polled;
        }
        self.read_since_yield = 0;
        ready!(self.deadline.poll_overdue(&self.connection, cx));
        match (&*SockRef::from(&self.io)).read(buffer.initialize_unfilled_to(room)) {
            Ok(read) => {
                buffer.advance(read);
                self.read_since_yield = read;
                self.connection.count_received(read);
                return Poll::Ready(Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        self.refuse_overdue(cx);
        Poll::Ready(Ok(()))
    }

    /// Answers an incomplete head with 408. An idle connection just ends.
    fn refuse_overdue(&mut self, cx: &mut Context<'_>) {
        if self.connection.unclaimed_bytes() > 0 {
            self.refuse(Refusal::HeadTooSlow, cx);
        } else {
            self.refused = true;
        }
    }

    /// Reads nothing, but reports the end of the input.
    fn poll_hold_back(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.has_unread_body() {
            self.connection.wait_until_body_is_wanted(cx.waker());
        }
        let mut byte = [0];
        match self.io.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(_)) => self.held_back = true,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {}
        }
        // Only re-arms the timer: a peer whose request is worked on is not overdue.
        let _ = self.deadline.poll_overdue(&self.connection, cx);
        if self.held_back && self.has_left(cx) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// True if the peer has closed its side behind bytes that are held back. No wake-up comes for that, so it is
    /// checked when the timer is due.
    fn has_left(&self, cx: &mut Context<'_>) -> bool {
        let polled = pin!(self.io.ready(Interest::READABLE)).poll(cx);
        matches!(polled, Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    /// Wakes the task if bytes that were held back may be read now.
    pub(super) fn wake_if_held_back(&mut self, cx: &Context<'_>) {
        if self.held_back && !self.deadline.is_blocked() && self.connection.may_read() {
            self.held_back = false;
            cx.waker().wake_by_ref();
        }
    }
}
