//! Counters of all calls since the start.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use resilience_actors::{CallError, CallReport};
use serde::Serialize;
use utoipa::ToSchema;

use crate::no_answer::NoAnswer;

/// Counters over all workers: of calls with resilience, and of the baseline.
#[derive(Debug, Default)]
pub struct Stats {
    /// Calls through the circuit breaker, including those of test-retry and stress test.
    pub resilient: Arc<Tally>,
    /// Calls of the baseline.
    pub baseline: Tally,
}

/// Counters of one kind of call. A call counts in `total` from its start, and in one of the others from its end.
#[derive(Debug, Default)]
pub struct Tally {
    total: AtomicU64,
    successful: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    stale: AtomicU64,
    abandoned: AtomicU64,
    retry_attempts: AtomicU64,
}

/// A [`Tally`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = CallCounts)]
pub struct Counts {
    /// Calls that were started.
    pub total_requests: u64,
    /// Answered by the backend with 2xx.
    pub successful_requests: u64,
    /// Neither successful, nor rejected, nor answered with a stale answer, nor abandoned.
    pub failed_requests: u64,
    /// 503s of our own: rejected by a policy, or a lack of file descriptors, memory or ports.
    pub rejected_requests: u64,
    /// Their caller left before the answer.
    pub abandoned_requests: u64,
    /// Attempts after the first.
    pub retry_attempts: u64,
}

impl Tally {
    /// Counts a call at its start. Finish the result with the call's report; if it is dropped, the call counts as
    /// abandoned.
    pub fn begin(&self) -> Pending<'_> {
        self.total.fetch_add(1, Ordering::Relaxed);
        Pending { tally: self, finished: false }
    }

    /// Counts an attempt after the first.
    pub fn count_retry(&self) {
        self.retry_attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls that were answered with a stale answer so far.
    pub fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// Calls that have no answer yet.
    pub fn in_flight(&self) -> u64 {
        let ended = [&self.successful, &self.failed, &self.rejected, &self.stale, &self.abandoned];
        // Read before the total, so that a call is never counted as ended alone.
        let ended: u64 = ended.map(|counter| counter.load(Ordering::Relaxed)).iter().sum();
        self.total.load(Ordering::Relaxed).saturating_sub(ended)
    }

    /// The counters now.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            total_requests: read(&self.total),
            successful_requests: read(&self.successful),
            failed_requests: read(&self.failed),
            rejected_requests: read(&self.rejected),
            abandoned_requests: read(&self.abandoned),
            retry_attempts: read(&self.retry_attempts),
        }
    }
}

/// A call that has no answer yet.
#[derive(Debug)]
pub struct Pending<'a> {
    tally: &'a Tally,
    finished: bool,
}

impl Pending<'_> {
    /// Counts the end of the call. `is_success` says whether the upstream's answer is one.
    pub(crate) fn finish<R, E: NoAnswer>(
        mut self,
        report: &CallReport<R, E>,
        is_success: impl FnOnce(&R) -> bool,
    ) {
        self.finished = true;
        let tally = self.tally;
        let counter = match &report.result {
            _ if report.fallback => &tally.stale,
            Ok(answer) if is_success(answer) => &tally.successful,
            Err(CallError::Rejected(_)) => &tally.rejected,
            Err(CallError::Transport(error)) if error.is_local_shortage() => &tally.rejected,
            _ => &tally.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.tally.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}
