//! Reads from the peer.

use std::{
    io::{self, Read as _},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use tokio::io::{AsyncRead, Interest, ReadBuf};

use super::bounded_stream::BoundedStream;
use crate::{connections::unread_body::READ_STEP, refusal::Refusal};

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
        let step = this.connection.read_step();
        if this.read_since_yield >= step {
            this.read_since_yield = 0;
            // Discarded chunks have no limit but time.
            this.refused = this.connection.discards_chunks()
                && this.deadline.poll_overdue(&this.connection, cx).is_ready();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.poll_socket(step - this.read_since_yield, cx, buffer)
    }
}

impl BoundedStream {
    /// Reads at most `most` bytes.
    fn poll_socket(
        &mut self,
        most: usize,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = self.poll_look_ahead(most, cx, buffer);
        let before = buffer.filled().len();
        let polled = poll_at_most(Pin::new(&mut self.io), most, cx, buffer);
        if polled.is_ready() {
            self.count_received(buffer, before);
            return polled;
        }
        self.read_since_yield = 0;
        ready!(self.deadline.poll_overdue(&self.connection, cx));
        let room = buffer.remaining().min(READ_STEP);
        match (&*SockRef::from(&self.io)).read(buffer.initialize_unfilled_to(room)) {
            Ok(read) => {
                buffer.advance(read);
                self.count_received(buffer, before);
                return Poll::Ready(Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        self.refuse_overdue(cx);
        Poll::Ready(Ok(()))
    }

    /// Returns how many bytes to read, at most `most`. May write the next bytes to the unfilled part of `buffer`.
    fn poll_look_ahead(
        &self,
        most: usize,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> usize {
        if !self.connection.must_look_ahead() {
            return most;
        }
        let room = buffer.remaining().min(most);
        let mut ahead = ReadBuf::new(buffer.initialize_unfilled_to(room));
        match self.io.poll_peek(cx, &mut ahead) {
            Poll::Ready(Ok(1..)) => self.connection.length_in(ahead.filled()),
            // Nothing is there, or the read says what is wrong.
            _ => READ_STEP,
        }
    }

    /// Counts what was read into `buffer` behind its first `before` bytes.
    fn count_received(&mut self, buffer: &ReadBuf<'_>, before: usize) {
        let received = &buffer.filled()[before..];
        self.read_since_yield += received.len();
        self.connection.count_received(received);
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

/// Reads at most `most` bytes.
fn poll_at_most(
    io: Pin<&mut TcpStream>,
    most: usize,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if buffer.remaining() <= most {
        return io.poll_read(cx, buffer);
    }
    let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
    let polled = io.poll_read(cx, &mut part);
    let read = part.filled().len();
    buffer.advance(read);
    polled
}
