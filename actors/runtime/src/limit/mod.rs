//! Limits: of calls in flight and waiting in a process, and of attempts in flight at an upstream.

mod calls;
mod concurrency;

pub use calls::CallLimit;
pub(crate) use calls::WaitMark;
pub use concurrency::{Concurrency, ConcurrencyLimit, ConcurrencySnapshot};
pub(crate) use concurrency::{Entered, Place};
