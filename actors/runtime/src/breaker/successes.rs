//! Counts the successes of the epoch in force, without one thread waiting for another.
//!
//! Each thread counts in a lane of its own, on a cache line of its own. A lane says which epoch it
//! counts, so that a success from before a transition finds that its time is over, and counts in
//! no later epoch.

use std::sync::atomic::Ordering;

use crate::sync::{AtomicU64, LANES, lane};

/// The low bits of a lane count; those above are the epoch's own lowest. The counts last for 89
/// years of 100 000 successes a second in one epoch, and to be taken for one of a later epoch, a
/// success would have to come in 65 536 transitions late.
const COUNT_BITS: u32 = 48;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

/// Two cache lines, which processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane(AtomicU64);

/// The successes of one epoch.
///
/// All accesses are `SeqCst`, which costs an x86 nothing here: what two readers see of different
/// lanes has to fit into one order.
#[derive(Debug, Default)]
pub(crate) struct Successes {
    lanes: [Lane; LANES],
}

impl Successes {
    /// Counts one of `epoch`; false if that is over.
    #[inline]
    pub(crate) fn count(&self, epoch: u64) -> bool {
        let Lane(lane) = &self.lanes[lane()];
        let mut value = lane.load(Ordering::SeqCst);
        while value & !COUNT == tag(epoch) {
            match lane.compare_exchange(value, value + 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(other) => value = other,
            }
        }
        false
    }

    /// Begins `epoch`, and returns the successes of the one before it. For the one writer of the
    /// state.
    pub(crate) fn begin(&self, epoch: u64) -> u64 {
        self.lanes.iter().map(|Lane(lane)| lane.swap(tag(epoch), Ordering::SeqCst) & COUNT).sum()
    }

    /// How many they are. Only grows while an epoch lasts, and of two values the smaller one is the
    /// older, whoever read them: all lanes had theirs at one moment.
    pub(crate) fn read(&self) -> u64 {
        self.snapshot().iter().map(|value| value & COUNT).sum()
    }

    /// All lanes as they are at one moment.
    pub(crate) fn snapshot(&self) -> [u64; LANES] {
        let mut values = self.values();
        loop {
            let again = self.values();
            if values == again {
                return values;
            }
            values = again;
        }
    }

    fn values(&self) -> [u64; LANES] {
        self.lanes.each_ref().map(|Lane(lane)| lane.load(Ordering::SeqCst))
    }
}

fn tag(epoch: u64) -> u64 {
    epoch << COUNT_BITS
}
