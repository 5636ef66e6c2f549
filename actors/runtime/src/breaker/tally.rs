//! What has been counted since the start. Counting is an atomic add and sends no message.

use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::{
    outcome::CallKind,
    rejection::RejectionKind,
    state::State,
    sync::{AtomicBool, AtomicU64},
};

/// What has been counted since the start of a breaker, by all who use it. Only grows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counts {
    /// Attempts that were reported as successes.
    pub successful: u64,
    /// Attempts that were reported as failures.
    ///
    /// Reports count here whether or not they could change the state: late ones, and those of a
    /// disabled circuit too.
    pub failed: u64,
    /// Attempts that said nothing, were dropped unreported, or failed before a later attempt of their call that
    /// was a success or another failure.
    pub ignored: u64,
    /// Calls that were turned away.
    pub not_permitted: NotPermitted,
    /// What became of calls that may be retried.
    pub retries: RetryCounts,
    /// How often each transition happened; those that never happened are left out.
    pub transitions: Vec<TransitionCount>,
    /// The epoch in force, and what was reported in it.
    pub epoch: EpochCounts,
}

/// Calls that were turned away, by [`RejectionKind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NotPermitted {
    /// The circuit was open.
    pub circuit_open: u64,
    /// It was half-open and all its trials were taken.
    pub trial_limit: u64,
    /// It opened while they waited for a retry.
    pub released: u64,
    /// Too many calls were in flight.
    pub overloaded: u64,
    /// The breaker was gone.
    pub stopped: u64,
    /// A gate of the user's own rejected them.
    pub gate: u64,
}

impl NotPermitted {
    /// Those that the circuit rejected: all but `overloaded` and `gate`.
    pub fn by_circuit(&self) -> u64 {
        let Self { circuit_open, trial_limit, released, overloaded: _, stopped, gate: _ } = self;
        circuit_open + trial_limit + released + stopped
    }
}

/// Answered calls to upstreams with retries. Those that were [`overloaded`](NotPermitted::overloaded), or whose callers
/// left, are not among them.
///
/// A call succeeds if its last attempt is a [`Success`](crate::Outcome::Success). One that was
/// turned away has failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RetryCounts {
    /// By their first attempt.
    pub successful_without_retry: u64,
    /// By a later attempt.
    pub successful_with_retry: u64,
    /// After one attempt or none.
    pub failed_without_retry: u64,
    /// After more than one attempt.
    pub failed_with_retry: u64,
}

/// How often the circuit went from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TransitionCount {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// How often.
    pub count: u64,
}

/// The epoch in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EpochCounts {
    /// Its number.
    pub number: u64,
    /// Successes that were reported while it was closed: starts at zero with each epoch.
    pub successful: u64,
}

/// The counters of one breaker, but for successes, which epochs count.
///
/// On cache lines of its own: what is written at each call must not be beside what is only read.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    failed: AtomicU64,
    ignored: AtomicU64,
    /// Successes that no epoch counts: of trials, which are messages, and of epochs that are over.
    other_successes: AtomicU64,
    rejected: [AtomicU64; RejectionKind::ALL.len()],
    retries: [[AtomicU64; 2]; 2],
    transitions: [[AtomicU64; 3]; 3],
    /// A burst of rejections goes on, and the actor knows.
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

    pub(crate) fn call_ended(&self, succeeded: bool, retried: bool) {
        self.retries[usize::from(succeeded)][usize::from(retried)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts calls that were turned away.
    ///
    /// In one order with the flag below: either the caller finds that no burst goes on, or the
    /// actor, which looks once more after it has said so, finds the caller's rejection.
    pub(crate) fn reject(&self, kind: RejectionKind, calls: u64) {
        self.rejected[kind as usize].fetch_add(calls, Ordering::SeqCst);
    }

    /// Counts a call that was turned away, and says whether the actor has to be told: it is the first
    /// for a while.
    pub(crate) fn turn_away(&self, kind: RejectionKind) -> bool {
        self.reject(kind, 1);
        self.begins_burst()
    }

    /// Whether the actor has yet to be told of a burst. True once for each burst.
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

    /// All, with the successes that the epochs have counted.
    pub(crate) fn counts(&self, successful: u64, epoch: EpochCounts) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [circuit_open, trial_limit, released, overloaded, stopped, gate] = self.rejected();
        let [failed, succeeded] = &self.retries;
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
                circuit_open,
                trial_limit,
                released,
                overloaded,
                stopped,
                gate,
            },
            retries: RetryCounts {
                successful_without_retry: read(&succeeded[0]),
                successful_with_retry: read(&succeeded[1]),
                failed_without_retry: read(&failed[0]),
                failed_with_retry: read(&failed[1]),
            },
            transitions: transitions.filter(|transition| transition.count > 0).collect(),
            epoch,
        }
    }
}
