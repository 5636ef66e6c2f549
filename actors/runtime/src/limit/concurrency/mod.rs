//! The concurrency limit (bulkhead): the number of attempts in flight at an upstream.

mod handle;
mod places;
mod settings;

pub use handle::{ConcurrencyLimit, ConcurrencySnapshot};
pub(crate) use handle::{Entered, Place};
pub use settings::Concurrency;
