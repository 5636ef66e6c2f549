//! The deadlines of one call: the upstream's, and the caller's own. What they leave of an attempt's time.
//!
//! A deadline that travels comes from gRPC: the caller says how much time it has, each service on the way sends what is
//! left of it with its own requests, and none works on an answer that comes too late
//! (<https://grpc.io/docs/guides/deadlines/>).

use std::time::{Duration, Instant};

/// When a call must be answered. Pure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadlines {
    /// By the upstream's settings.
    pub(crate) upstream: Option<Instant>,
    /// By [`CallOptions::time_left`](crate::CallOptions::time_left).
    pub(crate) caller: Option<Instant>,
}

impl Deadlines {
    /// Of a call that began at `started`, with this much time by the upstream's settings.
    pub(crate) fn of(
        started: Instant,
        upstream: Option<Duration>,
        caller: Option<Instant>,
    ) -> Self {
        Self { upstream: upstream.map(|time| started + time), caller }
    }

    /// The deadline that applies.
    pub(crate) fn earliest(self) -> Option<Instant> {
        self.upstream.into_iter().chain(self.caller).min()
    }

    /// What an operation passes on: the deadline that applies, if the caller has set one.
    pub(crate) fn to_pass_on(self) -> Option<Instant> {
        self.caller.and_then(|_| self.earliest())
    }

    /// The time limit of an attempt that begins now. `at_once` if the call begins with it.
    ///
    /// An attempt with which a call begins gets its whole timeout, even past the upstream's deadline. The call may have
    /// waited for its thread or for the breaker, and an attempt that ends by a deadline, which is neutral, would hide a
    /// hanging upstream from the breaker. The caller's deadline does end it, because nothing waits for the answer after
    /// that.
    pub(crate) fn limit(self, now: Instant, timeout: Option<Duration>, at_once: bool) -> TimeLimit {
        let left = |deadline: Instant| deadline.saturating_duration_since(now);
        let (timeout, deadline) = if at_once {
            // Without a timeout, the attempt has all of the upstream's time, so it is the upstream that hangs.
            (timeout.or_else(|| self.upstream.map(left)), self.caller)
        } else {
            (timeout, self.earliest())
        };
        match (timeout, deadline.map(left)) {
            (Some(timeout), Some(left)) if left < timeout => TimeLimit::Deadline(left),
            (Some(timeout), _) => TimeLimit::Timeout(timeout),
            (None, Some(left)) => TimeLimit::Deadline(left),
            (None, None) => TimeLimit::Unlimited,
        }
    }
}

/// The time limit of an attempt, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeLimit {
    /// The attempt's own timeout.
    Timeout(Duration),
    /// The rest of the call's time.
    Deadline(Duration),
    Unlimited,
}

impl TimeLimit {
    pub(crate) fn ends_at(self, began: Instant) -> Option<Instant> {
        match self {
            Self::Timeout(time) | Self::Deadline(time) => Some(began + time),
            Self::Unlimited => None,
        }
    }
}

/// When an attempt began, and what limits it.
pub(crate) struct Times {
    /// When the call started.
    pub(crate) started: Instant,
    pub(crate) began: Instant,
    pub(crate) deadlines: Deadlines,
    pub(crate) limit: TimeLimit,
}

impl Times {
    /// The time that the call had by its deadline.
    pub(crate) fn of_call(&self) -> Duration {
        self.deadlines.earliest().map_or(Duration::ZERO, |at| at - self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::{TimeLimit::*, *};
    use crate::clock;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// The limit of an attempt that begins one second after its call.
    fn limit(
        upstream: Option<u64>,
        caller: Option<u64>,
        timeout: Option<u64>,
        at_once: bool,
    ) -> TimeLimit {
        let started = clock::now();
        let at = |time: Option<u64>| time.map(|time| started + secs(time));
        let deadlines = Deadlines { upstream: at(upstream), caller: at(caller) };
        deadlines.limit(started + secs(1), timeout.map(secs), at_once)
    }

    #[test]
    fn the_upstreams_deadline_does_not_shorten_the_timeout_of_a_first_attempt() {
        assert_eq!(limit(Some(3), None, Some(3), true), Timeout(secs(3)));
        assert_eq!(limit(Some(3), None, Some(3), false), Deadline(secs(2)));
        assert_eq!(limit(Some(3), None, None, true), Timeout(secs(2)));
        assert_eq!(limit(Some(3), None, None, false), Deadline(secs(2)));
        assert_eq!(limit(None, None, None, true), Unlimited);
    }

    #[test]
    fn the_callers_deadline_shortens_every_attempt() {
        for at_once in [true, false] {
            assert_eq!(limit(Some(9), Some(3), Some(3), at_once), Deadline(secs(2)));
            assert_eq!(limit(Some(9), Some(3), None, at_once), Deadline(secs(2)));
            assert_eq!(limit(None, Some(3), None, at_once), Deadline(secs(2)));
            assert_eq!(limit(None, Some(9), Some(3), at_once), Timeout(secs(3)));
        }
        assert_eq!(limit(Some(3), Some(9), Some(3), true), Timeout(secs(3)));
    }

    #[test]
    fn the_earlier_deadline_is_passed_on_if_the_caller_has_one() {
        let now = clock::now();
        let passed = |upstream: Option<u64>, caller: Option<u64>| {
            let at = |time: Option<u64>| time.map(|time| now + secs(time));
            let deadlines = Deadlines { upstream: at(upstream), caller: at(caller) };
            deadlines.to_pass_on().map(|at| at - now)
        };
        assert_eq!(passed(Some(3), None), None);
        assert_eq!(passed(Some(3), Some(9)), Some(secs(3)));
        assert_eq!(passed(Some(9), Some(3)), Some(secs(3)));
        assert_eq!(passed(None, Some(3)), Some(secs(3)));
    }
}
