//! The messages between the breaker's actor and its prober.

use actix::prelude::*;

use super::record::ProbeRecord;

/// Tells the prober that an epoch began.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct CircuitChanged {
    pub(crate) epoch: u64,
    /// The circuit is open by its own rules.
    pub(crate) opened: bool,
}

/// A probe ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ProbeEnded {
    /// The epoch in which it began.
    pub(crate) epoch: u64,
    pub(crate) probe: ProbeRecord,
    /// The number of probes in a row that succeeded, once they are enough.
    pub(crate) successes: Option<u32>,
}
