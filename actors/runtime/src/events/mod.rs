//! What happens, as events: typed, numbered, in a bounded log that anybody can follow.
//!
//! The actors record what they log and more: every transition, burst of rejections, retry, release,
//! reset, lease expiry and change of mode. Who answers calls records them too.
//!
//! **Nobody who records waits for anybody who reads.** Events go into a ring; readers hold a number,
//! and fetch what came after it. The ring is bounded, so a reader who is slower than the events loses
//! the oldest and is told so. One task, the hub, wakes all readers, at most every
//! [`WAKE_INTERVAL`]; recording wakes the hub, once for each time it looks.
//!
//! **Nobody can flood the log.** Of calls and retries, [`EVENTS_PER_SECOND`] are kept, each; the
//! others are summed in one event for each second.

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

pub use self::log::{DEFAULT_CAPACITY, EventLog};
pub use event::{Event, EventKind, Fields};
pub use kind::EventType;
pub use quota::EVENTS_PER_SECOND;
pub use reader::{EventReader, WAKE_INTERVAL};
pub use ring::Batch;
