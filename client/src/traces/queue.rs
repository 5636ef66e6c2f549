//! The spans that are not yet sent. A full queue drops spans, so that a slow collector delays no call.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::span::Span;

/// Maximum number of spans in the queue.
pub const CAPACITY: usize = 4_096;

/// Spans that are not yet sent, and counts of those that are.
#[derive(Debug)]
pub struct Queue {
    spans: Mutex<VecDeque<Span>>,
    share: f64,
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Queue {
    /// An empty queue. `share`, from 0 to 1, of the traces that begin here are sampled.
    pub fn new(share: f64) -> Self {
        Self { spans: Mutex::default(), share, sent: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }

    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// Adds a span that has ended.
    pub fn push(&self, span: Span) {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() < CAPACITY {
            spans.push_back(span);
        } else {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Takes the oldest spans, at most `number`.
    pub fn take(&self, number: usize) -> Vec<Span> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let number = number.min(spans.len());
        spans.drain(..number).collect()
    }

    /// Counts spans that were taken.
    pub fn count(&self, spans: usize, were_sent: bool) {
        let counter = if were_sent { &self.sent } else { &self.dropped };
        counter.fetch_add(spans as u64, Relaxed);
    }

    /// Number of spans that the collector has accepted.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Number of spans that are lost: the queue was full, or the collector did not accept them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use service_edge::TraceContext;

    use super::{super::span::Kind, *};

    #[test]
    fn a_full_queue_drops_the_newest_and_counts_them() {
        let queue = Queue::new(0.0);
        for number in 0..CAPACITY + 3 {
            let name = number.to_string();
            queue.push(Span::new(Kind::Client, TraceContext::mint(), None, name));
        }
        assert_eq!(queue.dropped(), 3);
        let first = queue.take(2);
        assert_eq!(first.len(), 2);
        assert_eq!(first[0].as_otlp()["name"], "0");
        assert_eq!(queue.take(usize::MAX).len(), CAPACITY - 2);
        queue.count(2, true);
        queue.count(4, false);
        assert_eq!((queue.sent(), queue.dropped()), (2, 7));
    }
}
