//! Resilience for calls to an upstream, on actix: circuit breaker, retries, time limits and call limits.
//!
//! ```
//! # use std::time::Duration;
//! # use resilience_actors::{Attempt, Breaker, Retry, Upstream};
//! # #[derive(Clone)] struct Client;
//! # async fn fetch(_: &Client, _: Attempt<'_>) -> Result<u16, std::io::Error> { Ok(200) }
//! # let (client, secs) = (Client, Duration::from_secs);
//! # actix::System::new().block_on(async {
//! let payments = Upstream::builder("payments")
//!     .breaker(Breaker::failure_rate(0.5).over(secs(60)).at_least(20).reset_after(secs(30)))
//!     .retry(Retry::exponential(secs(1)).attempts(4))
//!     .timeout(secs(3)).deadline(secs(30))
//!     .start()?;
//! let answer = payments.call(async move |attempt| fetch(&client, attempt).await).await?;
//! # assert_eq!(answer, 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! - [`Upstream`]: one for each upstream and process. Every policy is optional.
//! - [`Operation`]: what a call does, where a closure is not enough. [`Outcome`] says what a result means.
//! - [`Breaker`]: one for each upstream and process, shared by all threads.
//! - [`Probe`]: how an open circuit finds out soon that the upstream is back.
//! - [`CallLimit`]: how many calls may be in flight and waiting in a process.
//! - [`Throttle`]: fewer attempts at an upstream that refuses many, counted apart for each priority.
//! - [`Rate`]: how many attempts may be made at an upstream in a period.
//! - [`Concurrency`]: how many attempts may be in flight at an upstream, a number or what its latency allows.
//! - [`Priority`]: which attempts come first when these places are scarce, or the upstream refuses many.
//! - [`Hedge`]: a further attempt beside one that takes long.
//! - [`QuietPeriod`]: all calls stay away while the upstream asks one of them to wait.
//! - [`RetryBudget`]: how many retries an upstream may see, as a share of its calls.
//! - [`Coalescer`]: identical requests in flight share one call.
//! - [`Upstream::call_or`]: a fallback, the answer of a call that has none.
//! - [`CallOptions::time_left`]: the caller's own deadline, which operations pass on.
//! - [`Upstream::reconfigure`]: other settings while calls are made.
//! - [`Chaos`]: fault injection, for tests and game days.
//! - [`Gate`] and [`Observer`]: policies and observers of your own.
//! - [`events`]: a log of numbered events, which readers can follow.
//! - [`adapters`]: features for actix addresses, awc, tower, and servers of your own.
//!
//! Everything runs on tokio's clock. A test that pauses that clock controls breaker and scheduler, as long as both run
//! on the test's own thread ([`Breaker::start`]).

pub mod adapters;
mod admission;
mod attempt;
mod background;
mod boxed;
pub mod breaker;
mod call;
mod caller_waits;
mod changes;
mod chaos;
mod clock;
mod coalesce;
mod config;
mod deadline;
pub mod events;
mod fallback;
mod gate;
mod hedge;
mod lifeline;
mod limit;
pub mod observe;
mod operation;
mod options;
mod outcome;
mod panics;
mod policies;
#[cfg(test)]
mod props;
mod quiet;
mod rejection;
mod report;
pub mod retry;
mod seconds;
mod settings;
mod slices;
mod snapshot;
mod state;
mod sync;
mod throttle;
mod timer;
mod upstream;
mod variant;

pub use breaker::{
    Breaker, BreakerConfig, BreakerSettings, BreakerSnapshot, BreakerStopped, CircuitOpened,
    Counts, EpochCounts, LateFailure, Mode, NotPermitted, Permit, Probe, ProbeCounts, RetryCounts,
    State, TransitionCount, Window,
};
pub use caller_waits::CallerWaits;
pub use chaos::{Chaos, ChaosReminder, ChaosSnapshot, InjectedFault};
pub use clock::{until, within};
pub use coalesce::{CoalesceSnapshot, Coalescer, SharedCallLost};
pub use config::{Allowed, DURATIONS, InvalidConfig, MAX_DURATION};
pub use events::{Event, EventKind, EventLog, EventReader, EventType};
pub use gate::{Gate, Sample};
pub use hedge::{Hedge, HedgeDelay, HedgeSnapshot};
pub use limit::{
    AdaptiveSnapshot, CallLimit, Concurrency, ConcurrencyLimit, ConcurrencyMax,
    ConcurrencySnapshot, Place as ConcurrencyPlace, Priority, PrioritySnapshot, Rate, RateSnapshot,
};
pub use observe::{Observation, Observer};
pub use operation::{Attempt, Operation, ReportOf};
pub use options::CallOptions;
pub use outcome::{CallKind, Outcome, Verdict};
pub use quiet::{QuietPeriod, QuietSnapshot};
pub use rejection::{Rejection, RejectionKind};
pub use report::{AttemptRecord, CallError, CallId, CallOutcome, CallReport};
pub use retry::{Backoff, JitterMode, Retry, RetryBudget, RetryBudgetSnapshot};
pub use settings::{BreakerScope, CallConfig, CallSettings};
pub use snapshot::PolicySnapshot;
pub use throttle::{Throttle, ThrottleSnapshot};
pub use upstream::{BreakerChoice, ReconfigureError, Upstream, UpstreamBuilder};
pub use variant::CallVariant;
