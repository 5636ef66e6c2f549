//! A streamed request body on its way to the upstream, as an attempt sees it.

use std::{
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::error::PayloadError;
use resilience_actors::{CallerWaits, adapters::awc::HttpError};

use super::idle::Idle;
use crate::transport::{Upload, UploadProgress};

/// A body on its way.
pub(super) struct Uploading {
    progress: Rc<UploadProgress>,
    /// The progress at the last look.
    steps: u64,
    idle: Idle,
}

impl Uploading {
    /// `idle` is the maximum time in which the upstream takes nothing.
    pub(super) fn new(upload: &Upload, idle: Duration) -> Self {
        Self { progress: Rc::clone(upload.progress()), steps: 0, idle: Idle::new(idle) }
    }

    /// To be called after each poll of a request that is not answered. Tells the attempt what is waited for. Ready if
    /// the upstream has taken nothing for too long.
    pub(super) fn poll(&mut self, waits: &CallerWaits, cx: &mut Context<'_>) -> Poll<HttpError> {
        waits.set_waiting(self.progress.waits_for_caller());
        let steps = self.progress.steps();
        if steps != self.steps {
            self.steps = steps;
            waits.restart_timeout();
        }
        if self.progress.has_ended() {
            // The attempt's timeout is the time for the answer.
            return Poll::Pending;
        }
        ready!(self.idle.poll_overdue(Some(&self.progress), cx));
        let reason = format!("took nothing of the body for {:.3}s", self.idle.max().as_secs_f64());
        Poll::Ready(HttpError::Unusable { status: None, reason })
    }

    /// Why the caller's body ended early, if it did.
    pub(super) fn take_failure(&self) -> Option<PayloadError> {
        self.progress.take_failure()
    }

    /// True if the caller is waited for, and slow. An upstream may hang up on it.
    pub(super) fn waits_for_slow_caller(&self) -> bool {
        self.progress.waits_for_slow_caller()
    }

    /// The progress that goes on after the head of the answer.
    pub(super) fn into_progress(self) -> Rc<UploadProgress> {
        self.progress
    }
}
