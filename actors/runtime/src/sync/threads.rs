//! The types of the standard library.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

pub(crate) use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64},
};

/// Lanes for counting side by side: as many threads as serve requests on most machines. Two that
/// share one only wait for each other.
pub(crate) const LANES: usize = 16;

/// The lane of the thread that asks: below [`LANES`], given out in turn.
pub(crate) fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static LANE: Cell<usize> = const { Cell::new(LANES) });
    LANE.with(|mine| {
        if mine.get() >= LANES {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % LANES);
        }
        mine.get()
    })
}
