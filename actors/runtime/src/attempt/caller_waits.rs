//! The time that an attempt waits for its caller.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use crate::clock::now;

/// The time that an attempt waits for its caller, such as for a part of a request that is passed on while it arrives. The
/// time limits of the attempt stand still meanwhile: a slow caller says nothing about the upstream.
///
/// The operation must bound this time itself.
#[derive(Debug, Default)]
pub struct CallerWaits {
    total: Cell<Duration>,
    since: Cell<Option<Instant>>,
}

impl CallerWaits {
    /// Says whether the operation waits for its caller from now on.
    pub fn set_waiting(&self, waiting: bool) {
        match (self.since.get(), waiting) {
            (None, true) => self.since.set(Some(now())),
            (Some(since), false) => {
                self.since.set(None);
                self.total.set(self.total.get() + (now() - since));
            }
            _ => {}
        }
    }

    /// The time limit `due`, later by the waits so far.
    pub(crate) fn extend(&self, due: Instant) -> Instant {
        due + self.total.get() + self.since.get().map_or(Duration::ZERO, |since| now() - since)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::sleep;

    use super::*;
    use crate::clock::within_extended;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn time_limits_stand_still_while_the_caller_is_waited_for() {
        for (upstream, caller, expected) in
            [(2, 0, None), (0, 100, Some(())), (2, 100, None), (1, 100, None)]
        {
            let waits = CallerWaits::default();
            let attempt = pin!(async {
                for _ in 0..2 {
                    waits.set_waiting(true);
                    sleep(caller * SECOND).await;
                    waits.set_waiting(false);
                    sleep(upstream * SECOND).await;
                }
            });
            let began = now();
            let ended =
                within_extended(began, began + SECOND * 3 / 2, |due| waits.extend(due), attempt)
                    .await;
            assert_eq!(ended, expected, "{upstream} {caller}");
            if expected.is_none() {
                let limit = SECOND * 3 / 2 + caller * SECOND * if upstream == 2 { 1 } else { 2 };
                assert!(now() - began - limit < SECOND / 10, "{upstream} {caller}");
            }
        }
    }
}
