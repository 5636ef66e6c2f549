//! The bound on calls in flight and waiting.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts calls in flight and waiting, over all the schedulers that share it by cloning.
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
    /// At most `max` calls at a time; 0 turns every call away.
    pub fn new(max: usize) -> Self {
        Self { counts: Arc::default(), max }
    }

    /// Calls in flight and waiting now.
    pub fn in_use(&self) -> usize {
        self.counts.calls.load(Ordering::Relaxed)
    }

    /// Those of them that wait for their next attempt.
    pub fn waiting(&self) -> usize {
        self.counts.waiting.load(Ordering::Relaxed)
    }

    /// The most there may be.
    pub fn max(&self) -> usize {
        self.max
    }

    /// A place for one more call, if there is one.
    pub(crate) fn try_acquire(&self) -> Option<CallSlot> {
        let one_more = |calls| (calls < self.max).then_some(calls + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.counts.calls.fetch_update(set, fetch, one_more).ok()?;
        Some(CallSlot(Arc::clone(&self.counts)))
    }
}

/// One call's place. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct CallSlot(Arc<Counts>);

impl CallSlot {
    /// Counts the call as waiting for as long as the result lives.
    pub(crate) fn waiting(&self) -> WaitMark {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        WaitMark(Arc::clone(&self.0))
    }
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says that a call waits.
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

    #[test]
    fn no_more_places_than_the_limit_and_each_is_free_again() {
        let limit = CallLimit::new(2);
        let first = limit.try_acquire().unwrap();
        let _second = limit.clone().try_acquire().unwrap();
        assert!(limit.try_acquire().is_none());
        assert_eq!(limit.in_use(), 2, "a refusal takes no place");
        drop(first);
        assert!(limit.try_acquire().is_some());
    }

    #[test]
    fn a_call_waits_for_as_long_as_it_is_marked() {
        let limit = CallLimit::new(1);
        let slot = limit.try_acquire().unwrap();
        let mark = slot.waiting();
        assert_eq!((limit.in_use(), limit.waiting()), (1, 1));
        drop(mark);
        assert_eq!((limit.in_use(), limit.waiting()), (1, 0));
    }
}
