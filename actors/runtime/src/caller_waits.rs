//! The time that an attempt waits for its caller.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use crate::{
    clock::now,
    deadline::{TimeLimit, Times},
};

/// Time between two looks at a time limit that is reached while the caller is waited for.
const NEXT_LOOK: Duration = Duration::from_millis(10);

/// The time that an attempt waits for its caller, such as for a part of a request that is passed on while it arrives.
/// The time limits of the attempt stand still meanwhile, it is not slow for the breaker, and a trial's lease does not
/// run out: a slow caller says nothing about the upstream.
///
/// The operation must bound this time itself.
#[derive(Debug, Default)]
pub struct CallerWaits {
    total: Cell<Duration>,
    since: Cell<Option<Instant>>,
    /// When the attempt's timeout began anew, earlier by the waits until then.
    restarted: Cell<Option<Instant>>,
}

impl CallerWaits {
    /// Says whether the operation waits for its caller from now on.
    pub fn set_waiting(&self, waiting: bool) {
        match (self.since.get(), waiting) {
            (None, true) => self.since.set(Some(now())),
            (Some(_), false) => {
                self.total.set(self.total());
                self.since.set(None);
            }
            _ => {}
        }
    }

    /// Begins the attempt's timeout anew: the upstream has taken a part of a long request, for instance, so it does not
    /// hang. The deadline of the call stays.
    pub fn restart_timeout(&self) {
        self.restarted.set(Some(now() - self.total()));
    }

    /// The waits so far.
    pub(crate) fn total(&self) -> Duration {
        self.total.get() + self.since.get().map_or(Duration::ZERO, |since| now() - since)
    }

    /// The instant `due`, later by the waits so far.
    pub(crate) fn extend(&self, due: Instant) -> Instant {
        let due = due + self.total();
        if self.since.get().is_some() { due.max(now() + NEXT_LOOK) } else { due }
    }

    /// The time limit by now of an attempt. `due` was its limit when it began.
    pub(crate) fn limit(&self, times: &Times, due: Instant) -> Instant {
        match (self.end_of_timeout(times), times.deadlines.earliest()) {
            (Some(end), Some(deadline)) => end.min(self.extend(deadline.max(due))),
            (Some(end), None) => end,
            (None, _) => self.extend(due),
        }
    }

    /// True if the time limit that is reached is the deadline of the call, although the timeout was the limit at first.
    pub(crate) fn have_reached_deadline(&self, times: &Times) -> bool {
        self.end_of_timeout(times).is_some_and(|end| now() < end)
    }

    /// If the timeout has begun anew: when it ends.
    fn end_of_timeout(&self, times: &Times) -> Option<Instant> {
        match times.limit {
            TimeLimit::Timeout(timeout) => Some(self.extend(self.restarted.get()? + timeout)),
            TimeLimit::Deadline(_) | TimeLimit::Unlimited => None,
        }
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
