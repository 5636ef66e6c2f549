//! The circuit breaker.
//!
//! A circuit breaker counts the results of calls to one upstream. When too many fail, it rejects further calls, so that
//! callers fail fast and the upstream can recover. After a time it admits a few trials, to find out whether the
//! upstream has recovered.
//!
//! | from | to | when |
//! |---|---|---|
//! | closed | open | a trip says so: consecutive failures, a share of failures, or a share of slow calls |
//! | open | half-open | the timer's message, after the open time; or enough good [probes](Probe) in a row |
//! | half-open | closed | `success_threshold` successful trials |
//! | half-open | open | a trial failed, or did not report within its lease and has not waited for its caller |
//! | any | closed | manual reset |
//!
//! The settings can change while the circuit runs ([`Breaker::reconfigure`]).
//!
//! A circuit can be set by hand ([`Mode`]). Forced open, it rejects every call; disabled, it admits every call. In both
//! modes, results change nothing and no timer runs.
//!
//! **Why an actor, and why not only an actor.** One actor is the only writer of the state, so transitions have one
//! order and need no lock. Two messages for every call would be too expensive. So the actor *publishes* its state as
//! one atomic word, the number of the epoch and its phase. Admission while closed, rejection while open, and counting a
//! success need only that word and no message. Failures, and everything while half-open, are messages. A report carries
//! the epoch of its permit, and a report from an older epoch changes nothing (the idea is gobreaker's generation).

mod actor;
mod builder;
mod burst;
mod config;
#[cfg(test)]
mod config_tests;
mod control;
mod counted;
mod counters;
mod epoch_number;
mod grant;
mod handle;
mod in_force;
mod late_failure;
mod lease;
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
mod openings;
mod pending;
mod permit;
mod phase;
mod probe;
mod published;
#[cfg(test)]
mod reconfigure_tests;
mod reconfigured;
mod recorder;
mod report;
mod reporting;
mod snapshot;
mod start;
mod stop;
mod tally;
mod transition;
mod trials;
mod trip;

pub use crate::state::{Mode, State};
pub use config::{BreakerConfig, BreakerSettings, Window};
pub use handle::{Breaker, BreakerStopped};
pub use late_failure::LateFailure;
pub use messages::CircuitOpened;
pub(crate) use openings::Openings;
pub(crate) use pending::PendingFailure;
pub use permit::Permit;
pub use probe::{Probe, ProbeRecord, ProbeResult};
pub use reconfigured::Reconfigured;
pub use snapshot::BreakerSnapshot;
pub use tally::{Counts, EpochCounts, NotPermitted, ProbeCounts, RetryCounts, TransitionCount};
pub use transition::{Reason, Transition};
