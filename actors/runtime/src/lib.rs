//! Resilience for calls to an upstream, as actix actors: a circuit breaker and a retry scheduler
//! with exponential backoff and jitter, over pure state machines.
//!
//! The crate knows no HTTP framework. What carries a request is a [`Transport`]; what its results
//! mean is an [`Outcome`]; the rest is here:
//!
//! - [`Breaker`]: one per upstream and process, shared by all workers.
//! - [`Scheduler`]: one per worker, over that worker's transport.
//! - [`CallLimit`]: one per process: how many calls may be in flight and waiting.
//! - [`events`]: what happens to them, numbered and kept for whoever wants to see it.
//!
//! ```
//! use std::{cell::Cell, convert::Infallible};
//!
//! use resilience_actors::{
//!     Attempt, Breaker, BreakerConfig, CallLimit, Outcome, Protection, RetryConfig,
//!     RetrySettings, Scheduler, State, Transport, Verdict,
//! };
//!
//! /// An upstream that fails at first.
//! struct Flaky(Cell<u32>);
//!
//! impl Transport for Flaky {
//!     type Request = ();
//!     type Response = u32;
//!     type Error = Infallible;
//!
//!     async fn attempt(&self, _: &(), attempt: Attempt<'_>) -> Result<u32, Infallible> {
//!         self.0.set(self.0.get() + 1);
//!         Ok(attempt.number)
//!     }
//!
//!     fn classify(&self, result: &Result<u32, Infallible>) -> Verdict {
//!         match result {
//!             Ok(1 | 2) => Outcome::ServerError.into(),
//!             _ => Outcome::Success.into(),
//!         }
//!     }
//!
//!     fn is_idempotent(&self, _: &()) -> bool {
//!         true
//!     }
//! }
//!
//! # actix::System::new().block_on(async {
//! let config = RetryConfig::try_from(RetrySettings {
//!     base_delay: std::time::Duration::from_millis(1),
//!     ..Default::default()
//! })?;
//! let scheduler = Scheduler::start(
//!     Flaky(Cell::new(0)),
//!     config,
//!     Breaker::start(BreakerConfig::default()),
//!     CallLimit::new(10_000),
//! );
//!
//! let report = scheduler.call((), Protection::Full).await;
//!
//! assert_eq!(report.result?, 3);
//! assert_eq!(report.attempts.len(), 3);
//! assert_eq!(report.state, State::Closed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Everything runs on tokio's clock: a test that pauses it drives breaker and scheduler instant by
//! instant, as long as both run on the test's own arbiter ([`Breaker::start`]).

pub mod breaker;
mod call;
mod clock;
mod config;
pub mod events;
mod lifeline;
mod limit;
mod outcome;
mod rejection;
pub mod retry;
mod seconds;
mod sync;
mod timer;
mod transport;

pub use breaker::{
    Breaker, BreakerConfig, BreakerSettings, BreakerSnapshot, BreakerStopped, CircuitOpened,
    Counts, EpochCounts, Mode, NotPermitted, Permit, RetryCounts, State, TransitionCount, Window,
};
pub use call::{AttemptRecord, CallError, CallId, CallReport, Protection};
pub use clock::{until, within};
pub use config::{Allowed, DURATIONS, InvalidConfig, MAX_DURATION};
pub use events::{Event, EventKind, EventLog, EventReader, EventType};
pub use limit::CallLimit;
pub use outcome::{CallKind, Outcome, Verdict};
pub use rejection::{Rejection, RejectionKind};
pub use retry::{BreakerScope, RetryConfig, RetrySettings, Scheduler};
pub use transport::{Attempt, Transport};
