//! Coalescing: identical requests that are in flight at the same time share one call.
//!
//! The idea is that of Go's `golang.org/x/sync/singleflight`. Unlike there, callers are futures that may be dropped:
//! the call goes on for as long as one of its callers waits for it.

mod coalescer;
mod table;

pub use coalescer::{CoalesceSnapshot, Coalescer, SharedCallLost};
