//! The time limits of a peer.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::{connections::connection::Connection, limits::Limits};

/// The time limits of a peer, with one timer.
pub(super) struct PeerDeadline {
    /// Next time that the limits are checked. It is not re-armed at each request.
    timer: Pin<Box<Sleep>>,
    /// Time since when output waits for the peer.
    blocked_since: Option<Instant>,
    /// Time at which an incomplete head was given [`Limits::idle`] once more.
    extended_at: Option<Instant>,
}

impl PeerDeadline {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { timer: Box::pin(sleep(limits.idle)), blocked_since: None, extended_at: None }
    }

    /// True while output waits for the peer.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// Output waits for the peer from now on, unless it waits already.
    pub(super) fn begin_blocked(&mut self) {
        if self.blocked_since.is_none() {
            self.blocked_since = Some(Instant::now());
        }
    }

    /// No output waits any more. Returns true if some has waited.
    pub(super) fn end_blocked(&mut self) -> bool {
        self.blocked_since.take().is_some()
    }

    /// Ready when the peer has used up its time.
    pub(super) fn poll_overdue(
        &mut self,
        connection: &Connection,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let deadline = self.deadline(connection, now);
            if deadline <= now {
                // The next poll must find the peer overdue again.
                self.timer.as_mut().reset(now);
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(deadline);
        }
    }

    fn deadline(&mut self, connection: &Connection, now: Instant) -> Instant {
        let Limits { idle, stall, .. } = *connection.limits();
        if let Some(since) = self.blocked_since {
            return since + stall;
        }
        if !connection.is_idle() {
            return now + idle;
        }
        let since = connection.idle_since();
        let head_has_begun = connection.unclaimed_bytes() > 0;
        let extended = self.extended_at.filter(|at| *at >= since);
        if head_has_begun && extended.is_none() && since + idle <= now {
            self.extended_at = Some(now);
            return now + idle;
        }
        extended.unwrap_or(since) + idle
    }

    /// Uses the timer for a fixed time from now on, instead of the limits.
    pub(super) fn set_timer(&mut self, time: Duration) {
        self.timer.as_mut().reset(Instant::now() + time);
    }

    /// Ready when the time of [`set_timer`](Self::set_timer) is over.
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll(cx)
    }
}
