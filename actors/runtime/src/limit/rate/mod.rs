//! The rate limit: the number of attempts at an upstream in a period.

mod gcra;
mod handle;
mod settings;

pub use handle::RateSnapshot;
pub(crate) use handle::{RateLimit, Token};
pub use settings::Rate;
