//! The time without progress of the bodies of one exchange.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::transport::UploadProgress;

/// Measures the time in which the upstream does nothing.
pub(super) struct Idle {
    max: Duration,
    pause: Option<Pause>,
}

/// A time in which the upstream has sent nothing.
struct Pause {
    timer: Pin<Box<Sleep>>,
    /// The progress of the request's body when the timer was set.
    steps: u64,
}

impl Idle {
    pub(super) fn new(max: Duration) -> Self {
        Self { max, pause: None }
    }

    /// Maximum time.
    pub(super) fn max(&self) -> Duration {
        self.max
    }

    /// The upstream has sent something.
    pub(super) fn end_pause(&mut self) {
        self.pause = None;
    }

    /// Ready if the upstream has neither sent nor taken anything for too long, and the caller is not waited for.
    pub(super) fn poll_overdue(
        &mut self,
        upload: Option<&UploadProgress>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let steps = upload.map_or(0, UploadProgress::steps);
        let waits_for_caller = upload.is_some_and(UploadProgress::waits_for_caller);
        let max = self.max;
        let pause = self.pause.get_or_insert_with(|| Pause { timer: Box::pin(sleep(max)), steps });
        while pause.timer.as_mut().poll(cx).is_ready() {
            if !waits_for_caller && pause.steps == steps {
                return Poll::Ready(());
            }
            pause.steps = steps;
            pause.timer.as_mut().reset(Instant::now() + max);
        }
        Poll::Pending
    }
}
