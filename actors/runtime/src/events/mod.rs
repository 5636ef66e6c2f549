//! The event log of one breaker or of several: typed, numbered events in a bounded ring, which any number of readers
//! can follow.
//!
//! The runtime records every transition, burst of rejections, retry, refused retry, release, reset, lease expiry and
//! change of mode. A service can record its calls.
//!
//! **Recording never waits for a reader.** A reader holds the number of the last event that it has read, and fetches
//! the events after it. The ring is bounded: a reader that is too slow loses the oldest events and is told so. One
//! task, the hub, wakes all readers, at most once every [`WAKE_INTERVAL`].
//!
//! **A burst of calls does not push out other events.** In each second the log keeps up to [`EVENTS_PER_SECOND`] calls
//! of a breaker, as many retries, and as many refused retries. It sums the others up in one event.

mod event;
#[cfg(test)]
mod event_tests;
mod kind;
mod log;
mod observer;
mod quota;
mod reader;
mod ring;
#[cfg(test)]
mod ring_tests;
mod source;

pub use self::log::{DEFAULT_CAPACITY, EventLog};
pub use event::{Event, EventKind, Fields};
pub use kind::EventType;
pub use quota::EVENTS_PER_SECOND;
pub use reader::{EventReader, WAKE_INTERVAL};
pub use ring::Batch;
