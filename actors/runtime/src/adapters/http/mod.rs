//! What HTTP's statuses and headers mean to the policies. Depends on no HTTP client.
//!
//! An [`Operation`](crate::Operation) over any client classifies its responses so:
//!
//! ```
//! use std::time::Duration;
//! use resilience_actors::{Outcome, adapters::http};
//!
//! let verdict = http::verdict(503, http::retry_after("120", None));
//! assert_eq!(verdict.outcome, Outcome::ServerError);
//! assert_eq!(verdict.retry_after, Some(Duration::from_secs(120)));
//! assert!(http::is_idempotent("PUT"));
//! ```

mod io_errors;
mod retry_after;
mod status;
mod time_left;

pub use io_errors::{describe, is_local_shortage};
pub use retry_after::{retry_after, whole_seconds};
pub use status::{is_idempotent, outcome_of, verdict};
pub use time_left::{REQUEST_DEADLINE, time_left};
