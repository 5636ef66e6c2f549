//! `GET /api/events`: the event log as Server-Sent Events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! A stream holds the number of its last event and fetches the events after it, so a reader costs the actors nothing.
//! It is polled only while its connection accepts data, so a slow reader holds one chunk here and
//! [`stall::SEND_BUFFER`] in the kernel. A stream ends if the log no longer has its next event, or if its connection
//! accepts no data for [`stall::LIMIT`].
//!
//! All upstreams have one log, so an id says how far a reader is whatever its [`Filter`]. A reader that wants few
//! events gets ids with its heartbeats.

mod filter;
mod frame;
pub mod stall;
mod stream;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use resilience_actors::EventLog;

pub use filter::Filter;
pub use stream::{HEARTBEAT, Wanted, events};

/// Counts the open streams of all workers, and makes the ids of events. Clones share the count.
#[derive(Debug, Clone)]
pub struct EventStreams {
    open: Arc<AtomicUsize>,
    max: usize,
    /// A part of each id that differs between processes, because each process numbers its events from 1.
    process: u32,
}

impl EventStreams {
    /// Allows at most `max` open streams at a time.
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max, process: rand::random() }
    }

    /// The id of the event with this number.
    pub fn id(&self, sequence: u64) -> String {
        format!("{sequence}-{:08x}", self.process)
    }

    /// The number of the event with this id. `Some(None)` for the id of another process, `None` if `id` is not an id. A
    /// number without a process belongs to this process.
    fn number(&self, id: &str) -> Option<Option<u64>> {
        let (number, process) = id.split_once('-').map_or((id, None), |(n, p)| (n, Some(p)));
        // `parse` would also accept a sign.
        let digits = |text: &str, radix| text.chars().all(|digit| digit.is_digit(radix));
        let number = Some(number).filter(|text| digits(text, 10))?.parse().ok()?;
        let ours = match process {
            None => true,
            Some(text) if text.len() == 8 && digits(text, 16) => {
                u32::from_str_radix(text, 16) == Ok(self.process)
            }
            Some(_) => return None,
        };
        Some(ours.then_some(number))
    }

    /// Number of open streams.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A slot for another stream, or `None` if all are in use.
    pub fn try_open(&self) -> Option<StreamSlot> {
        let one_more = |open| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(StreamSlot(self.clone()))
    }
}

/// One stream's slot. Dropping it frees the slot.
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
    /// With a message on the current state, and then the events after this one. Read the number before the state:
    /// otherwise a change between both readings is missing in the stream.
    Now(u64),
    /// After this event, which the reader saw last.
    After(u64),
}

impl Start {
    /// From the header `Last-Event-ID`.
    ///
    /// # Errors
    /// The header is not an id.
    pub fn parse(
        header: Option<&[u8]>,
        streams: &EventStreams,
        log: &EventLog,
    ) -> Result<Self, String> {
        let Some(header) = header else {
            return Ok(Self::Now(log.newest()));
        };
        let newest = log.newest();
        match std::str::from_utf8(header).ok().and_then(|id| streams.number(id)) {
            Some(Some(last)) if last <= newest => Ok(Self::After(last)),
            // The id of another process, whose numbers mean nothing here.
            Some(_) => Ok(Self::Now(newest)),
            None => Err("Last-Event-ID must be the id of an event".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_bounds_open_streams_and_each_closed_stream_frees_its_place() {
        let streams = EventStreams::new(1);
        let slot = streams.try_open().unwrap();
        assert!(streams.clone().try_open().is_none());
        assert_eq!(streams.open(), 1, "a refusal takes no place");
        drop(slot);
        assert!(streams.try_open().is_some());
    }
}

#[cfg(test)]
#[path = "id_props.rs"]
mod props;
