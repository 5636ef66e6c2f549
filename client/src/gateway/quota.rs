//! A limit that counts what is taken, and gets it back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A number of units, such as bytes, that all workers share. Clones share it.
#[derive(Debug, Clone)]
pub struct Quota {
    max: usize,
    used: Arc<AtomicUsize>,
}

impl Quota {
    /// A quota of which nothing is used.
    pub fn new(max: usize) -> Self {
        Self { max, used: Arc::default() }
    }

    /// Takes `units`. `None` if fewer are left.
    pub fn take(&self, units: usize) -> Option<Share> {
        let mut share = self.nothing();
        share.grow(units).then_some(share)
    }

    /// A share of no units, which can [grow](Share::grow).
    pub fn nothing(&self) -> Share {
        Share { quota: self.clone(), units: 0 }
    }

    /// Maximum number of units.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Number of units in use, such as for metrics.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// A part of a quota, which goes back when it is dropped.
#[derive(Debug)]
#[must_use = "a share goes back when it is dropped"]
pub struct Share {
    quota: Quota,
    units: usize,
}

impl Share {
    /// Takes `units` more. Takes none and returns false if fewer are left.
    pub fn grow(&mut self, units: usize) -> bool {
        // Relaxed: the count protects no other memory.
        let taken = self.quota.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(units).filter(|used| *used <= self.quota.max)
        });
        self.units += if taken.is_ok() { units } else { 0 };
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.quota.used.fetch_sub(self.units, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let quota = Quota::new(10);
        let mut share = quota.take(6).unwrap();
        assert!(quota.take(5).is_none());
        assert!(share.grow(4) && !share.grow(1) && share.grow(0));
        assert_eq!(quota.used(), 10);
        drop(share);
        assert_eq!(quota.used(), 0);
        assert!(quota.take(usize::MAX).is_none() && quota.take(11).is_none());
        assert!(quota.take(10).is_some() && Quota::new(0).take(1).is_none());
    }

    #[test]
    fn threads_together_never_use_more_than_the_maximum() {
        let (quota, start) = (Quota::new(3), Barrier::new(4));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..100_000 {
                        let share = quota.take(2);
                        assert!(quota.used() <= 3, "{share:?}");
                    }
                });
            }
        });
        assert_eq!(quota.used(), 0);
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn the_quota_is_the_sum_of_its_shares(
            steps in prop::collection::vec((any::<bool>(), 0_usize..6, 0_usize..8), 0..60),
        ) {
            let quota = Quota::new(20);
            let mut shares: Vec<(Share, usize)> = Vec::new();
            for (ends, nth, units) in steps {
                let used: usize = shares.iter().map(|(_, units)| units).sum();
                prop_assert_eq!(quota.used(), used);
                match shares.get_mut(nth) {
                    Some(_) if ends => drop(shares.remove(nth)),
                    Some((share, held)) => {
                        prop_assert_eq!(share.grow(units), used + units <= 20);
                        *held += if used + units <= 20 { units } else { 0 };
                    }
                    None => {
                        let share = quota.take(units);
                        prop_assert_eq!(share.is_some(), used + units <= 20);
                        shares.extend(share.map(|share| (share, units)));
                    }
                }
            }
        }
    }
}
