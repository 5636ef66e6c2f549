//! The results of the last slices of time.

use std::{collections::BTreeMap, time::Instant};

use super::Count;
use crate::{
    breaker::report::CountersAt,
    slices::{SLICES, Slices},
};

/// Results by slices, the current one and those before it.
///
/// Other results are only counted, so their number in the window is the newest counter's value less the value at the
/// window's begin. Reports tell two bounds of the latter: see [`Slice`].
#[derive(Debug, Clone)]
pub(crate) struct TimeWindow {
    slices: Slices,
    recent: BTreeMap<u64, Slice>,
    /// At least this number of the other results came before the window.
    before: u64,
    /// The newest number of other results that was reported.
    others: u64,
}

#[derive(Debug, Clone, Default)]
struct Slice {
    marked: u64,
    /// At least this number of the other results came in this slice or before it.
    until: u64,
    /// The smallest counter that was read in this slice: no more of the other results came before the slice.
    first_seen: Option<u64>,
}

impl TimeWindow {
    pub(crate) fn new(slices: Slices) -> Self {
        Self { slices, recent: BTreeMap::new(), before: 0, others: 0 }
    }

    pub(crate) fn others(&mut self, others: u64, moment: &CountersAt) {
        self.others = self.others.max(others);
        let last = self.recent.entry(moment.last_slice).or_default();
        last.until = last.until.max(others);
        let sent = self.recent.entry(self.slices.of(moment.at)).or_default();
        sent.first_seen = Some(sent.first_seen.map_or(others, |seen| seen.min(others)));
        self.forget();
    }

    pub(crate) fn mark(&mut self, at: Instant) {
        self.recent.entry(self.slices.of(at)).or_default().marked += 1;
        self.forget();
    }

    /// Drops the slices that have left the window.
    fn forget(&mut self) {
        let newest = self.recent.last_key_value().map_or(0, |(&slice, _)| slice);
        while let Some(oldest) = self.recent.first_entry()
            && *oldest.key() + u64::from(SLICES) <= newest
        {
            self.before = self.before.max(oldest.remove().until);
        }
    }

    pub(crate) fn count(&self) -> Count {
        let marked = self.recent.values().map(|slice| slice.marked).sum();
        let first_seen = self.recent.values().find_map(|slice| slice.first_seen);
        let since = |counter: u64| marked + self.others.saturating_sub(counter);
        Count { marked, total: since(self.before), known: since(first_seen.unwrap_or(self.others)) }
    }
}
