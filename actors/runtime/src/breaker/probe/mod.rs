//! Probes: small requests that find out whether the upstream is back, while the circuit is open.
//!
//! Without probes an open circuit waits for its open time, and then a caller's request is the trial. The upstream may
//! have been back for most of that time. A prober sends a request of its own at an interval, and the circuit becomes
//! half-open as soon as enough of them in a row are good. The open time stays as the upper limit.
//!
//! The rule is that of active health checks: HAProxy's `inter` (the interval) and `rise` (consecutive good checks
//! before a server is used again). Unlike those, a probe decides only when trials begin. Trials still decide whether
//! the circuit closes, because a health endpoint can be good while others are not.
//!
//! | file | role |
//! |---|---|
//! | `settings` | interval, number of successes, timeout |
//! | `round` | when the probes of one opening are due, and when they are enough (pure) |
//! | `prober` | the actor that makes them, on the breaker's arbiter |
//! | `start` | how a breaker gets its prober |
//!
//! The breaker's actor stays the only writer of its state. It tells the prober of each transition, and the prober
//! tells it how each probe ended. Both messages carry the epoch, and one of an older epoch changes nothing.

mod messages;
mod prober;
mod record;
mod round;
mod settings;
mod start;

pub(crate) use messages::{CircuitChanged, ProbeEnded};
pub use record::{ProbeRecord, ProbeResult};
pub use settings::Probe;
pub(crate) use start::{ProberSlot, StartProber, StopProber};
