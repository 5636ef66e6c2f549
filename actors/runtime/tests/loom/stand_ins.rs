//! What the files under test use, and what plays no part in it.

pub(crate) mod clock {
    use std::time::Instant;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }
}

pub(crate) mod events {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use crate::{
        breaker::transition::{Mode, State},
        rejection::RejectionKind,
    };

    pub(crate) enum EventKind {
        Transition {
            from: State,
            to: State,
            epoch: u64,
            cause: String,
            after: Duration,
            half_open_in: Option<Duration>,
            rejected: u64,
        },
        RejectionBurst {
            rejection: RejectionKind,
            count: u64,
            window: Duration,
        },
        Reset {
            epoch: u64,
        },
        LeaseExpired {
            epoch: u64,
            lease: Duration,
        },
        Mode {
            from: Mode,
            to: Mode,
        },
    }

    /// Adds up what bursts tell.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct EventLog(Arc<Mutex<u64>>);

    impl EventLog {
        #[expect(clippy::needless_pass_by_value, reason = "as the one it stands in for")]
        pub(crate) fn record(&self, kind: EventKind) {
            if let EventKind::RejectionBurst { count, .. } = kind {
                *self.0.lock().unwrap() += count;
            }
        }

        pub(crate) fn rejections_told(&self) -> u64 {
            *self.0.lock().unwrap()
        }
    }
}
