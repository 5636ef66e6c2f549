//! Limits: of calls in flight and waiting in a process, of attempts in flight at an upstream, and of its attempts in a
//! period.

mod calls;
mod concurrency;
mod rate;

pub use calls::CallLimit;
pub(crate) use calls::WaitMark;
pub use concurrency::{
    AdaptiveSnapshot, Concurrency, ConcurrencyLimit, ConcurrencyMax, ConcurrencySnapshot, Place,
    Priority, PrioritySnapshot,
};
pub(crate) use concurrency::{Entered, Queued};
pub use rate::{Rate, RateSnapshot};
pub(crate) use rate::{RateLimit, Token};
