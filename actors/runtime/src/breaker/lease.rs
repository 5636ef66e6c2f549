//! The lease of a trial, which does not run out while the attempt waits for its caller.

use std::{pin::Pin, time::Instant};

use super::{
    published::Published,
    report::{Report, Ticket},
    reporting::send,
};
use crate::{clock::until, sync::Arc};

/// The lease of a trial.
pub(crate) struct Lease<'a> {
    published: &'a Arc<Published>,
    ticket: Ticket,
}

impl<'a> Lease<'a> {
    /// `ticket` is a trial's.
    pub(super) fn new(published: &'a Arc<Published>, ticket: Ticket) -> Self {
        Self { published, ticket }
    }

    /// Waits for a trial that began at `began`. If the attempt `has_waited` for its caller when most of the lease is
    /// over, the trial goes on without a lease, and another one can begin. Its result still counts.
    pub(crate) async fn watch<T>(
        self,
        began: Instant,
        has_waited: impl Fn() -> bool,
        mut attempt: Pin<&mut impl Future<Output = T>>,
    ) -> T {
        let lease = self.published.in_force.config().trial_lease;
        if let Some(ended) = until(began + lease - lease / 8, attempt.as_mut()).await {
            return ended;
        }
        if has_waited() {
            send(self.published, self.ticket, Report::WaitsForCaller, None);
        }
        attempt.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        breaker::machine_tests::{Bench, LEASE},
        state::State,
    };

    #[test]
    fn a_trial_that_waits_for_its_caller_has_no_lease_and_leaves_its_permit_to_another() {
        let mut bench = Bench::with_trials(1, 2);
        bench.half_open();
        let waiting = bench.acquire();
        assert!(bench.core.acquire(bench.now).is_err());
        bench.report(waiting, Report::WaitsForCaller);
        let other = bench.acquire();
        bench.report(other, Report::Neutral);
        bench.advance(LEASE * 2);
        assert_eq!((bench.core.state(), bench.core.trials()), (State::HalfOpen, (0, 0)));
        for report in [Report::Success, Report::Success, Report::WaitsForCaller] {
            bench.report(waiting, report);
            assert_eq!(bench.core.trials(), (0, 1), "its result counts once");
        }
    }

    #[test]
    fn a_trial_that_has_waited_for_its_caller_and_fails_reopens_the_circuit() {
        let mut bench = Bench::with_trials(1, 1);
        bench.half_open();
        let waiting = bench.acquire();
        bench.report(waiting, Report::WaitsForCaller);
        bench.fail(waiting);
        assert_eq!(bench.core.state(), State::Open);
        bench.advance(LEASE * 10);
        assert_eq!(bench.core.state(), State::HalfOpen);
        bench.report(waiting, Report::Success);
        assert_eq!((bench.core.state(), bench.core.trials()), (State::HalfOpen, (0, 0)));
    }
}
