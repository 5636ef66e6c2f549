//! The types of the model checker.
//!
//! loom takes an access with `SeqCst` for one with `AcqRel`, which is weaker: it would find orders
//! that cannot be. Fences it takes for what they are. So here such an access comes with a fence, in
//! each of the two ways in which a compiler could do it: behind each that writes, or before each that
//! reads. Both at once would hide an access whose order is too weak between two that are fenced.
//!
//! There are two lanes, and each thread says which is its own.

use std::{cell::Cell, sync::atomic::Ordering};

use loom::sync::atomic::fence;
pub(crate) use loom::sync::{Arc, Mutex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fences {
    BehindWrites,
    BeforeReads,
    /// No fences: each read also writes the value that it read. loom does not reorder a write before a read of another
    /// thread if the writing thread read the value in between, as a loop around `compare_exchange` does. It always
    /// reorders two writes.
    ReadsAreWrites,
}

thread_local! {
    /// How it is done in this model: loom runs all threads of one on the thread that began it.
    pub(crate) static FENCES: Cell<Fences> = const { Cell::new(Fences::BehindWrites) };
}

fn fence_if(order: Ordering, fences: Fences) {
    if order == Ordering::SeqCst && FENCES.get() == fences {
        fence(order);
    }
}

fn reading<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
    fence_if(order, Fences::BeforeReads);
    access()
}

fn writing<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
    let result = access();
    fence_if(order, Fences::BehindWrites);
    result
}

macro_rules! atomic {
    ($name:ident, $value:ty, $or:ident $nothing:expr) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn load(&self, order: Ordering) -> $value {
                if order == Ordering::SeqCst && FENCES.get() == Fences::ReadsAreWrites {
                    return self.0.$or($nothing, order);
                }
                reading(order, || self.0.load(order))
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                writing(order, || self.0.store(value, order));
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                reading(order, || writing(order, || self.0.swap(value, order)))
            }
        }
    };
    ($name:ident, $value:ty) => {
        atomic!($name, $value, fetch_add 0);

        impl $name {
            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                reading(order, || writing(order, || self.0.fetch_add(value, order)))
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                order: Ordering,
                failed: Ordering,
            ) -> Result<$value, $value> {
                let exchange = || self.0.compare_exchange(current, new, order, failed);
                reading(order, || writing(order, exchange))
            }
        }
    };
}

atomic!(AtomicBool, bool, fetch_or false);
atomic!(AtomicU64, u64);

pub(crate) const LANES: usize = 2;

loom::thread_local!(static LANE: Cell<usize> = Cell::new(0));

pub(crate) fn lane() -> usize {
    LANE.with(Cell::get)
}

/// Has the thread that asks count in the second lane from now on.
pub(crate) fn change_lane() {
    LANE.with(|lane| lane.set(1));
}
