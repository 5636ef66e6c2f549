//! The last N results.

use std::collections::VecDeque;

use super::Count;

/// The marked results among the last `size`, each as the number of other results before it.
#[derive(Debug, Clone)]
pub(crate) struct CallWindow {
    size: u64,
    marks: VecDeque<u64>,
    /// All marked results of the epoch.
    marked: u64,
    /// The newest number of other results that was reported. The live counter would count calls whose neighbours'
    /// reports are still on their way.
    others: u64,
}

impl CallWindow {
    pub(crate) fn new(size: u64) -> Self {
        Self { size, marks: VecDeque::new(), marked: 0, others: 0 }
    }

    pub(crate) fn others(&mut self, others: u64) {
        self.others = self.others.max(others);
        self.forget();
    }

    pub(crate) fn mark(&mut self, others: u64) {
        let place = self.marks.partition_point(|&known| known <= others);
        self.marks.insert(place, others);
        self.marked += 1;
        self.forget();
    }

    /// Drops what has left the window: `size` results or more came after it.
    fn forget(&mut self) {
        while let Some(&oldest) = self.marks.front()
            && self.others.saturating_sub(oldest) + self.marks.len() as u64 > self.size
        {
            self.marks.pop_front();
        }
    }

    pub(crate) fn count(&self) -> Count {
        let total = self.size.min(self.others + self.marked);
        Count { marked: self.marks.len() as u64, total, known: total }
    }
}
