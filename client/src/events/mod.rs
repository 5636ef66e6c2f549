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

/// Counts the open streams of all workers, and gives their events ids. Clones are the same.
#[derive(Debug, Clone)]
pub struct EventStreams {
    open: Arc<AtomicUsize>,
    max: usize,
    /// Tells this process's ids from those of the one before it, and of its neighbours behind the
    /// same address: all of them number their events from 1 on.
    process: u32,
}

impl EventStreams {
    /// At most `max` at a time.
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max, process: rand::random() }
    }

    /// The id of the event with this number.
    pub fn id(&self, sequence: u64) -> String {
        format!("{sequence}-{:08x}", self.process)
    }

    /// The number of the event with this id: `Some(None)` if it is another process's, none if it is
    /// no id. A number alone is taken for one of this process.
    fn number(&self, id: &str) -> Option<Option<u64>> {
        let (number, process) = id.split_once('-').map_or((id, None), |(n, p)| (n, Some(p)));
        // `parse` would take a sign, too.
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
    /// With a greeting that says how things are; then what came after this event. Take its number
    /// before you look how things are, or a change in between is heard of in neither.
    Now(u64),
    /// Behind the event that the reader saw last.
    After(u64),
}

impl Start {
    /// From the header `Last-Event-ID`.
    ///
    /// # Errors
    /// It is no id.
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
            // Another process's: numbers begin anew with each.
            Some(_) => Ok(Self::Now(newest)),
            None => Err("Last-Event-ID must be the id of an event".to_owned()),
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

#[cfg(test)]
#[path = "id_props.rs"]
mod props;
