//! Counts since the start. Counting is an atomic add and sends no message.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::probe::ProbeResult;
use crate::{
    outcome::CallKind,
    rejection::RejectionKind,
    state::State,
    sync::{AtomicBool, AtomicU64},
};

/// Counts since the start of a breaker, over all its handles. They only grow.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Attempts that were reported as successes.
    pub successful: u64,
    /// Attempts that were reported as failures, including late reports and those of a disabled circuit.
    pub failed: u64,
    /// Attempts that were neutral, were dropped without a report, or failed before a later success or failure of their
    /// call.
    pub ignored: u64,
    /// Calls that were rejected.
    pub not_permitted: NotPermitted,
    /// How calls of upstreams with retries ended.
    pub retries: RetryCounts,
    /// Number of each transition. Transitions that never happened are left out.
    pub transitions: Vec<TransitionCount>,
    /// The current epoch and its successes.
    pub epoch: EpochCounts,
    /// Probes that ended. None if the breaker has no prober.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<ProbeCounts>,
}

/// Rejected calls by [`RejectionKind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotPermitted {
    /// The circuit was open.
    pub circuit_open: u64,
    /// The circuit was half-open and all its trials were taken.
    pub trial_limit: u64,
    /// The circuit opened while the calls waited for a retry.
    pub released: u64,
    /// Too many calls were in flight.
    pub overloaded: u64,
    /// The breaker was gone.
    pub stopped: u64,
    /// The upstream refused many attempts.
    pub throttle: u64,
    /// Too many attempts were made in a period.
    pub rate_limit: u64,
    /// Too many attempts were in flight at the upstream.
    pub concurrency_limit: u64,
    /// The upstream had asked for no calls until later.
    pub quiet_period: u64,
    /// A gate of the user's own rejected the calls.
    pub gate: u64,
}

impl NotPermitted {
    /// Calls that the circuit breaker rejected: [`RejectionKind::is_by_circuit`].
    pub fn by_circuit(&self) -> u64 {
        let Self { circuit_open, trial_limit, released, stopped, .. } = self;
        circuit_open + trial_limit + released + stopped
    }
}

/// Answered calls to upstreams with retries, without [`overloaded`](NotPermitted::overloaded) calls and calls whose
/// callers left.
///
/// A call succeeds if its last attempt is a [`Success`](crate::Outcome::Success). A rejected call has failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetryCounts {
    /// Succeeded by the first attempt.
    pub successful_without_retry: u64,
    /// Succeeded by a later attempt.
    pub successful_with_retry: u64,
    /// Failed after one attempt or none.
    pub failed_without_retry: u64,
    /// Failed after more than one attempt.
    pub failed_with_retry: u64,
}

/// Probes of an open circuit that ended, by their [`ProbeResult`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProbeCounts {
    /// The upstream answered as it should.
    pub success: u64,
    /// It did not.
    pub failure: u64,
    /// It did not answer within the timeout.
    pub timeout: u64,
}

/// The number of transitions from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransitionCount {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// The number.
    pub count: u64,
}

/// The current epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EpochCounts {
    /// Its number.
    pub number: u64,
    /// Successes of the epoch that were reported while closed.
    pub successful: u64,
}

/// The counters of one breaker, without the successes of the current epoch.
///
/// On cache lines of its own, so that writing it does not slow down readers of neighbouring data.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    failed: AtomicU64,
    ignored: AtomicU64,
    /// Successes of trials, and successes that were reported after the end of their epoch.
    other_successes: AtomicU64,
    rejected: [AtomicU64; RejectionKind::ALL.len()],
    retries: [[AtomicU64; 2]; 2],
    transitions: [[AtomicU64; 3]; 3],
    probes: [AtomicU64; 3],
    has_prober: AtomicBool,
    /// True during a burst of rejections that the actor knows of.
    bursting: AtomicBool,
}

impl Tally {
    pub(crate) fn count(&self, kind: CallKind) {
        let counter = match kind {
            CallKind::Successful => &self.other_successes,
            CallKind::Failed => &self.failed,
            CallKind::Ignored => &self.ignored,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn transition(&self, from: State, to: State) {
        self.transitions[from as usize][to as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The breaker has a prober from now on.
    pub(crate) fn has_prober(&self) {
        self.has_prober.store(true, Ordering::Relaxed);
    }

    pub(crate) fn probe_ended(&self, result: ProbeResult) {
        self.probes[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn call_ended(&self, succeeded: bool, retried: bool) {
        self.retries[usize::from(succeeded)][usize::from(retried)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts rejected calls.
    ///
    /// Sequentially consistent with `bursting`: either the caller reads that there is no burst, or the actor, which
    /// reads the counts again after it has cleared the flag, reads the caller's rejection.
    pub(crate) fn reject(&self, kind: RejectionKind, calls: u64) {
        self.rejected[kind as usize].fetch_add(calls, Ordering::SeqCst);
    }

    /// Counts a rejected call. True if the actor must be told, because a burst begins with it.
    pub(crate) fn begins_burst_with(&self, kind: RejectionKind) -> bool {
        self.reject(kind, 1);
        self.begins_burst()
    }

    /// True once for each burst: the actor must be told of it.
    pub(crate) fn begins_burst(&self) -> bool {
        !self.bursting.load(Ordering::SeqCst) && !self.bursting.swap(true, Ordering::SeqCst)
    }

    /// The next rejection begins a burst.
    pub(crate) fn end_burst(&self) {
        self.bursting.store(false, Ordering::SeqCst);
    }

    /// Rejections of each kind so far.
    pub(crate) fn rejected(&self) -> [u64; RejectionKind::ALL.len()] {
        RejectionKind::ALL.map(|kind| self.rejected[kind as usize].load(Ordering::SeqCst))
    }

    /// All counts, with the successes that the epochs have counted.
    pub(crate) fn counts(&self, successful: u64, epoch: EpochCounts) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let rejected = |kind: RejectionKind| read(&self.rejected[kind as usize]);
        let [failed, succeeded] = &self.retries;
        let [success, failure, timeout] = self.probes.each_ref().map(read);
        let probes = ProbeCounts { success, failure, timeout };
        const STATES: [State; 3] = [State::Closed, State::Open, State::HalfOpen];
        let pairs = STATES.into_iter().flat_map(|from| STATES.map(|to| (from, to)));
        let transitions = pairs.map(|(from, to)| TransitionCount {
            from,
            to,
            count: read(&self.transitions[from as usize][to as usize]),
        });
        Counts {
            successful: successful + read(&self.other_successes),
            failed: read(&self.failed),
            ignored: read(&self.ignored),
            not_permitted: NotPermitted {
                circuit_open: rejected(RejectionKind::CircuitOpen),
                trial_limit: rejected(RejectionKind::TrialLimit),
                released: rejected(RejectionKind::Released),
                overloaded: rejected(RejectionKind::Overloaded),
                stopped: rejected(RejectionKind::Stopped),
                throttle: rejected(RejectionKind::Throttle),
                rate_limit: rejected(RejectionKind::RateLimit),
                concurrency_limit: rejected(RejectionKind::ConcurrencyLimit),
                quiet_period: rejected(RejectionKind::QuietPeriod),
                gate: rejected(RejectionKind::Gate),
            },
            retries: RetryCounts {
                successful_without_retry: read(&succeeded[0]),
                successful_with_retry: read(&succeeded[1]),
                failed_without_retry: read(&failed[0]),
                failed_with_retry: read(&failed[1]),
            },
            transitions: transitions.filter(|transition| transition.count > 0).collect(),
            epoch,
            probes: self.has_prober.load(Ordering::Relaxed).then_some(probes),
        }
    }
}
