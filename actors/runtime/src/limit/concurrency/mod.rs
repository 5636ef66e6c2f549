//! The concurrency limit (bulkhead): the number of attempts in flight at an upstream.

mod gradient;
mod handle;
mod now;
mod places;
mod priority;
mod settings;
mod shedder;
mod snapshot;
mod window;

pub use handle::{ConcurrencyLimit, Place};
pub(crate) use handle::{Entered, Queued};
pub use priority::Priority;
pub use settings::{Concurrency, ConcurrencyMax};
pub use snapshot::{AdaptiveSnapshot, ConcurrencySnapshot, PrioritySnapshot};
