//! Reads from the peer.

use std::{
    io::{self, Read as _},
    mem,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use actix_web::{rt::net::TcpStream, web::Bytes};
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
    /// Reads at most `step` bytes, more if they surely belong to the body.
    fn poll_socket(
        &mut self,
        step: usize,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if !self.behind_body.is_empty() {
            let bytes = mem::take(&mut self.behind_body);
            buffer.put_slice(&bytes[..bytes.len().min(step).min(buffer.remaining())]);
            let used = self.count_received(buffer, before);
            buffer.set_filled(before + used);
            self.behind_body = bytes.slice(used..);
            return Poll::Ready(Ok(()));
        }
        let most = self.connection.read_at_once(step);
        let polled = poll_at_most(Pin::new(&mut self.io), most, cx, buffer);
        if polled.is_ready() {
            self.receive(buffer, before);
            return polled;
        }
        self.read_since_yield = 0;
        ready!(self.deadline.poll_overdue(&self.connection, cx));
        let room = buffer.remaining().min(READ_STEP);
        match (&*SockRef::from(&self.io)).read(buffer.initialize_unfilled_to(room)) {
            Ok(read) => {
                buffer.advance(read);
                self.receive(buffer, before);
                return Poll::Ready(Ok(()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        self.refuse_overdue(cx);
        Poll::Ready(Ok(()))
    }

    /// Counts what was read into `buffer` behind its first `before` bytes, and takes out what must not be used yet.
    fn receive(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let all = buffer.filled().len();
        let used = before + self.count_received(buffer, before);
        if used < all {
            self.behind_body = Bytes::copy_from_slice(&buffer.filled()[used..]);
            buffer.set_filled(used);
        }
    }

    /// Counts what was put into `buffer` behind its first `before` bytes. Returns the number of those to use.
    fn count_received(&mut self, buffer: &ReadBuf<'_>, before: usize) -> usize {
        let used = self.connection.count_received(&buffer.filled()[before..]);
        self.read_since_yield += used;
        used
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
        self.held_back |= !self.behind_body.is_empty();
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
