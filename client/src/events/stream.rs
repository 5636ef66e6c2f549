//! One reader's stream.

use std::{convert::Infallible, time::Duration};

use actix_web::web::Bytes;
use futures::{Stream, stream};
use resilience_actors::{EventLog, EventReader};
use serde::Serialize;
use serde_json::{Map, Value};
use service_edge::Drain;
use tokio::time::{Instant, sleep_until};

use super::{EventStreams, Filter, Start, StreamSlot, frame};

/// A stream without events sends a comment after this time.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// Maximum number of events in one chunk: about 16 KiB, half of what actix buffers for a slow connection.
const BATCH: usize = 32;

/// Shortest time between two chunks to one reader, for each open stream. Streams share the workers with the calls: with
/// a thousand readers, each gets a chunk at most every 100 ms, and all together at most 10 000 chunks a second.
const SHARE: Duration = Duration::from_micros(100);

/// Maximum time between a change and its chunk, however many streams are open.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What a reader asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where the stream begins.
    pub start: Start,
    /// The events that the reader wants.
    pub filter: Filter,
}

/// The stream of `log`. It ends when the process ends or the reader is too slow. `hello` is the first message's data
/// without `sequence`.
pub fn events(
    log: &EventLog,
    Wanted { start, filter }: Wanted,
    mut hello: Map<String, Value>,
    slot: StreamSlot,
    streams: EventStreams,
    drain: Drain,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let mut first = frame::RETRY.to_owned();
    let after = match start {
        Start::Now(newest) => {
            hello.insert("sequence".to_owned(), newest.into());
            first += &frame::aside("hello", &hello);
            newest
        }
        Start::After(last) => {
            let oldest = log.oldest();
            if last + 1 < oldest {
                let gap = Gap { missed_from: last + 1, missed_to: oldest - 1 };
                first += &frame::aside("gap", &gap);
                gap.missed_to
            } else {
                last
            }
        }
    };
    let now = Instant::now();
    let following = Following {
        reader: log.reader(after),
        filter,
        first: Some(first.into()),
        last_sent: now,
        resting: false,
        streams,
        drain,
        _slot: slot,
    };
    stream::unfold(following, |mut following| async move {
        let sent = following.next().await?;
        Some((Ok(sent), following))
    })
}

/// Events that the log no longer has.
#[derive(Debug, Serialize)]
struct Gap {
    missed_from: u64,
    missed_to: u64,
}

struct Following {
    reader: EventReader,
    filter: Filter,
    first: Option<Bytes>,
    last_sent: Instant,
    /// True if all events were sent: the next chunk waits, so that it can hold more events.
    resting: bool,
    streams: EventStreams,
    drain: Drain,
    _slot: StreamSlot,
}

impl Following {
    /// The next chunk, or `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let sent = match self.first.take() {
            Some(first) => first,
            None => {
                let drain = self.drain.clone();
                tokio::select! {
                    () = drain.started() => return None,
                    chunk = self.chunk() => chunk?,
                }
            }
        };
        self.last_sent = Instant::now();
        Some(sent)
    }

    /// The next events that the reader wants, or a heartbeat. `None` if some are missing.
    async fn chunk(&mut self) -> Option<Bytes> {
        loop {
            let heartbeat = self.last_sent + HEARTBEAT;
            tokio::select! {
                biased;
                () = self.reader.changed() => {}
                () = sleep_until(heartbeat) => return Some(self.heartbeat()),
            }
            if self.resting {
                sleep_until(self.last_sent + pause(self.streams.open())).await;
            }
            let batch = self.reader.read(BATCH);
            if batch.missed {
                log::info!("events: a reader was too slow and is dropped; it can come back");
                return None;
            }
            self.resting = batch.events.len() < BATCH;
            let wanted = batch.events.iter().filter(|event| self.filter.wants(event));
            let frames: Vec<_> = wanted.map(|event| frame::event(event, &self.streams)).collect();
            if !frames.is_empty() {
                return Some(frame::join(frames));
            }
            // There may be events all the time, and none that the reader wants.
            if Instant::now() >= heartbeat {
                return Some(self.heartbeat());
            }
        }
    }

    fn heartbeat(&self) -> Bytes {
        if self.filter.is_empty() {
            return frame::HEARTBEAT;
        }
        frame::heartbeat_with_id(&self.streams.id(self.reader.cursor()))
    }
}

/// Shortest time between two chunks to one reader.
fn pause(streams: usize) -> Duration {
    SHARE.saturating_mul(u32::try_from(streams).unwrap_or(u32::MAX)).min(LONGEST_PAUSE)
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
