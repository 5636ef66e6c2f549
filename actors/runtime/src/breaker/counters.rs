//! Counts the results of the epoch in force, without one thread waiting for another.
//!
//! Each thread counts its successes in a lane of its own, on a cache line of its own. Slow successes and failures that
//! were not slow, which are rare, have one lane each. A lane says which epoch it counts, so that a result from before a
//! transition counts in no later epoch.

use super::epoch_number::{EpochNumber, number};
use crate::sync::{LANES, lane};

const SLOW: usize = LANES;
const FAILED: usize = LANES + 1;

/// Two cache lines, which processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane(EpochNumber);

/// What was counted in an epoch up to one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Successes, slow ones included.
    pub(crate) successes: u64,
    /// Successes and failures that were not slow.
    pub(crate) not_slow: u64,
}

/// The results of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    lanes: [Lane; LANES + 2],
}

impl Counters {
    /// Counts a success of `epoch` that was not slow; false if that epoch is over.
    #[inline]
    pub(crate) fn success(&self, epoch: u64) -> bool {
        self.count(lane(), epoch)
    }

    /// Counts a success that was slow; false if its epoch is over.
    pub(crate) fn slow_success(&self, epoch: u64) -> bool {
        self.count(SLOW, epoch)
    }

    /// Counts a failure that was not slow, if its epoch is not over.
    pub(crate) fn failure(&self, epoch: u64) {
        self.count(FAILED, epoch);
    }

    #[inline]
    fn count(&self, lane: usize, epoch: u64) -> bool {
        let Lane(lane) = &self.lanes[lane];
        lane.update(epoch, |count| Some(count + 1)).is_some()
    }

    /// Begins `epoch` and returns the successes of the epoch before it. Only the writer of the state may call it.
    pub(crate) fn begin(&self, epoch: u64) -> u64 {
        totals(self.lanes.each_ref().map(|Lane(lane)| lane.begin(epoch))).successes
    }

    /// The counts at this moment: all lanes had these values at the same time. During an epoch the counts only grow, so
    /// of two readings on any threads the smaller one is the older.
    pub(crate) fn read(&self) -> Totals {
        totals(self.snapshot().map(number))
    }

    /// All lanes as they are at one moment.
    pub(crate) fn snapshot(&self) -> [u64; LANES + 2] {
        let mut words = self.words();
        loop {
            let again = self.words();
            if words == again {
                return words;
            }
            words = again;
        }
    }

    fn words(&self) -> [u64; LANES + 2] {
        self.lanes.each_ref().map(|Lane(lane)| lane.word())
    }
}

fn totals(lanes: [u64; LANES + 2]) -> Totals {
    let fast: u64 = lanes[..LANES].iter().sum();
    Totals { successes: fast + lanes[SLOW], not_slow: fast + lanes[FAILED] }
}
