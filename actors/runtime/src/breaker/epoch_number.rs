//! A number of one epoch, which no update from another epoch changes.

use std::sync::atomic::Ordering;

use crate::sync::AtomicU64;

/// Number of low bits that hold the number; the bits above hold the lowest bits of the epoch's number. A count
/// overflows after 89 years of 100 000 a second in one epoch. An update is taken for one of a later epoch only if it is
/// 65 536 epochs late.
const BITS: u32 = 48;
const NUMBER: u64 = (1 << BITS) - 1;

/// A number and its epoch's tag in one atomic word.
///
/// All accesses are `SeqCst`, so that the readings of all readers fit into one order. On x86 that costs nothing here.
#[derive(Debug, Default)]
pub(crate) struct EpochNumber(AtomicU64);

impl EpochNumber {
    /// Begins `epoch` at 0 and returns the number of the epoch before it. Only the writer of the state may call it.
    pub(crate) fn begin(&self, epoch: u64) -> u64 {
        number(self.0.swap(tag(epoch), Ordering::SeqCst))
    }

    /// Changes the number of `epoch`, unless `change` returns none, and returns the number before. Returns none, and
    /// changes nothing, if another epoch is in force.
    #[inline]
    pub(crate) fn update(&self, epoch: u64, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let mut word = self.word();
        while word & !NUMBER == tag(epoch) {
            let Some(new) = change(number(word)) else { return Some(number(word)) };
            let new = tag(epoch) | new;
            match self.0.compare_exchange(word, new, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(number(word)),
                Err(other) => word = other,
            }
        }
        None
    }

    /// The number with the epoch's tag: two readings are equal if nothing has changed.
    pub(crate) fn word(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The number in a word.
pub(crate) fn number(word: u64) -> u64 {
    word & NUMBER
}

fn tag(epoch: u64) -> u64 {
    epoch << BITS
}
