//! The bound on calls in flight and waiting.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    gate::{Gate, Sample},
    rejection::{Rejection, RejectionKind},
};

/// Limits the calls in flight and waiting, over all upstreams that share it by cloning. A call asks this gate once,
/// before its first attempt, and keeps its place until its answer.
#[derive(Debug, Clone)]
pub struct CallLimit {
    counts: Arc<Counts>,
    max: usize,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicUsize,
    waiting: AtomicUsize,
}

impl CallLimit {
    /// At most `max` calls at a time; 0 rejects every call.
    pub fn new(max: usize) -> Self {
        Self { counts: Arc::default(), max }
    }

    /// Calls in flight and waiting now.
    pub fn in_use(&self) -> usize {
        self.counts.calls.load(Ordering::Relaxed)
    }

    /// Calls that wait for their next attempt now.
    pub fn waiting(&self) -> usize {
        self.counts.waiting.load(Ordering::Relaxed)
    }

    /// The maximum number of calls at a time.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Counts a call as waiting for as long as the result lives.
    pub(crate) fn mark_waiting(&self) -> WaitMark {
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        WaitMark(Arc::clone(&self.counts))
    }

    fn free(&self) {
        self.counts.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate for CallLimit {
    fn admit(&self, _: Instant) -> Result<u64, Rejection> {
        let one_more = |calls| (calls < self.max).then_some(calls + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let taken = self.counts.calls.fetch_update(set, fetch, one_more);
        taken
            .map(|_| 0)
            .map_err(|_| Rejection::new(RejectionKind::Overloaded, Duration::from_secs(1)))
    }

    fn settle(&self, _: u64, _: &Sample) {
        self.free();
    }

    fn dropped(&self, _: u64) {
        self.free();
    }
}

/// A call that waits.
#[derive(Debug)]
pub(crate) struct WaitMark(Arc<Counts>);

impl Drop for WaitMark {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::now, gate::Pass};

    #[test]
    fn the_limit_bounds_concurrent_calls_and_each_ended_call_frees_its_place() {
        let limit = CallLimit::new(2);
        let gate: Arc<dyn Gate> = Arc::new(limit.clone());
        let first = Pass::take(gate.clone(), now()).unwrap();
        let _second = Pass::take(gate.clone(), now()).unwrap();
        assert!(Pass::take(gate.clone(), now()).is_err());
        assert_eq!(limit.in_use(), 2, "a rejection takes no place");
        drop(first);
        assert!(Pass::take(gate.clone(), now()).is_ok());
    }

    #[test]
    fn a_call_counts_as_waiting_until_its_mark_is_dropped() {
        let limit = CallLimit::new(1);
        let mark = limit.mark_waiting();
        assert_eq!(limit.waiting(), 1);
        drop(mark);
        assert_eq!(limit.waiting(), 0);
    }
}
