//! The circuit breaker.
//!
//! A circuit breaker counts what calls to one upstream say about it. While they fail in a row it
//! stops them, so that callers fail fast and the upstream gets room to recover, and after a while
//! it lets a few trials find out.
//!
//! | from | to | when |
//! |---|---|---|
//! | closed | open | a trip says so: consecutive failures, a share of failures, or a share of slow calls |
//! | open | half-open | the timer's message, after the open time |
//! | half-open | closed | `success_threshold` successful trials |
//! | half-open | open | a trial failed, or did not report within its lease |
//! | any | closed | manual reset |
//!
//! By hand, a circuit can be taken out of its own control ([`Mode`]): forced open, it turns every call
//! away; disabled, it lets every call pass. In both, results change nothing and no timer runs.
//!
//! **Why an actor, and why not only an actor.** One actor is the only writer of the state, so
//! transitions have one order and need no lock. But a message each way for every call would cost
//! more than the breaker is worth, so the actor *publishes* its state as one word, the number of
//! the epoch and its phase, and what can be decided from that is decided without a message:
//! admission while closed, rejection while open, counting a success. Failures, and everything while half-open, are
//! messages. Reports carry the epoch of their permit; one from before a transition changes nothing
//! (the idea is gobreaker's generation).

mod actor;
mod builder;
mod burst;
mod config;
#[cfg(test)]
mod config_tests;
mod control;
mod counted;
mod counters;
mod grant;
mod handle;
#[cfg(all(test, loom))]
mod loom_tests;
mod machine;
#[cfg(test)]
mod machine_tests;
mod messages;
#[cfg(test)]
mod mode_tests;
#[cfg(test)]
mod model_tests;
mod observer;
mod pending;
mod permit;
mod phase;
mod published;
mod recorder;
mod report;
mod reporting;
mod slices;
mod snapshot;
mod start;
mod tally;
mod transition;
mod trials;
mod trip;

pub use crate::state::{Mode, State};
pub use config::{BreakerConfig, BreakerSettings, Window};
pub use handle::{Breaker, BreakerStopped};
pub use messages::CircuitOpened;
pub(crate) use pending::PendingFailure;
pub use permit::Permit;
pub use snapshot::BreakerSnapshot;
pub use tally::{Counts, EpochCounts, NotPermitted, RetryCounts, TransitionCount};
pub use transition::{Reason, Transition};
