//! What is known of an upload outside of its connection.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use actix_web::error::PayloadError;
use tokio::time::Instant;

/// A caller that has been waited for this long in all is slow.
pub(crate) const SLOW_CALLER: Duration = Duration::from_secs(1);

/// What is known of an upload outside of its connection.
#[derive(Debug, Default)]
pub(crate) struct UploadProgress {
    waits_since: Cell<Option<Instant>>,
    waited: Cell<Duration>,
    steps: Cell<u64>,
    has_ended: Cell<bool>,
    failure: RefCell<Option<PayloadError>>,
}

impl UploadProgress {
    /// True while the next part of the body has not arrived.
    pub(crate) fn waits_for_caller(&self) -> bool {
        self.waits_since.get().is_some()
    }

    /// True while the next part of the body has not arrived, if the waits for parts have taken [`SLOW_CALLER`] in all.
    pub(crate) fn waits_for_slow_caller(&self) -> bool {
        let waited = self.waits_since.get().map(|since| self.waited.get() + since.elapsed());
        waited.is_some_and(|waited| waited >= SLOW_CALLER)
    }

    /// A counter that grows with each write and each part: progress if it changes.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// True if the caller has sent all of the body.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Why the body ended early, if it did.
    pub(crate) fn take_failure(&self) -> Option<PayloadError> {
        self.failure.take()
    }

    pub(super) fn set_waiting(&self, waiting: bool) {
        match (self.waits_since.get(), waiting) {
            (None, true) => self.waits_since.set(Some(Instant::now())),
            (Some(since), false) => {
                self.waited.set(self.waited.get() + since.elapsed());
                self.waits_since.set(None);
            }
            _ => {}
        }
    }

    /// The connection has taken bytes.
    pub(super) fn advance(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    pub(super) fn took_part(&self, is_last: bool) {
        self.advance();
        self.has_ended.set(is_last);
    }

    pub(super) fn fail(&self, error: PayloadError) {
        self.failure.replace(Some(error));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_is_slow_if_its_waits_are_long_in_all() {
        let progress = UploadProgress::default();
        for _ in 0..3 {
            progress.set_waiting(true);
            advance(SLOW_CALLER / 4).await;
            assert!(progress.waits_for_caller() && !progress.waits_for_slow_caller());
            progress.set_waiting(false);
            advance(SLOW_CALLER * 2).await;
        }
        progress.set_waiting(true);
        advance(SLOW_CALLER / 4).await;
        assert!(progress.waits_for_slow_caller());
        progress.set_waiting(false);
        assert!(!progress.waits_for_slow_caller(), "the upstream is waited for");
    }
}
