//! `GET /api/events`: the event log as Server-Sent Events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! A stream holds a number and fetches what came after it, so a reader costs the actors nothing. It is
//! polled only when its connection takes more, so what a slow reader holds back is one chunk here and
//! [`stall::SEND_BUFFER`] in the kernel. Two things end it: the log has gone past it, or the kernel has
//! got rid of nothing for [`stall::LIMIT`].

mod frame;
pub mod stall;
mod stream;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use resilience_actors::EventLog;

pub use stream::{HEARTBEAT, events};

/// Counts the open streams of all workers. Clones count the same.
#[derive(Debug, Clone)]
pub struct EventStreams {
    open: Arc<AtomicUsize>,
    max: usize,
}

impl EventStreams {
    /// At most `max` at a time.
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    /// Streams that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A place for one more, if there is one.
    pub fn try_open(&self) -> Option<StreamSlot> {
        let one_more = |open| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(StreamSlot(self.clone()))
    }
}

/// One stream's place. Dropping it frees the place.
#[derive(Debug)]
pub struct StreamSlot(EventStreams);

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With a greeting that says how things are; then what is to come.
    Now,
    /// Behind the event that the reader saw last.
    After(u64),
}

impl Start {
    /// From the header `Last-Event-ID`.
    ///
    /// # Errors
    /// It is not a number of this log's.
    pub fn parse(header: Option<&[u8]>, log: &EventLog) -> Result<Self, String> {
        let Some(header) = header else {
            return Ok(Self::Now);
        };
        let number = std::str::from_utf8(header)
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        match number.and_then(|text| text.parse().ok()) {
            // Numbers begin anew with the process: that one was another's.
            Some(last) if last > log.newest() => Ok(Self::Now),
            Some(last) => Ok(Self::After(last)),
            None => Err("Last-Event-ID must be the id of an event, a whole number".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_streams_than_the_limit_and_each_place_is_free_again() {
        let streams = EventStreams::new(1);
        let slot = streams.try_open().unwrap();
        assert!(streams.clone().try_open().is_none());
        assert_eq!(streams.open(), 1, "a refusal takes no place");
        drop(slot);
        assert!(streams.try_open().is_some());
    }
}
