//! What a caller asks for.

use std::time::{Duration, Instant};

use resilience_actors::Priority;

use super::CallNumber;

/// What a call asks of the upstream, and what its caller says about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) call: CallNumber,
    /// The number of the upstream.
    pub(crate) lab: usize,
    /// What it asks the upstream for. Callers that ask for the same may share a call.
    pub(crate) asks_for: u8,
    pub(crate) idempotent: bool,
    /// `is_idempotent` panics.
    pub(crate) panics_early: bool,
    pub(crate) priority: Priority,
    /// The time that the caller has, if it says so.
    pub(crate) time_left: Option<Duration>,
    pub(crate) fallback: Option<Fallback>,
}

/// What a caller's fallback does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    Answers,
    HasNone,
    Panics,
}

/// When a call must be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) upstream: Instant,
    /// The caller's own.
    pub(crate) caller: Option<Instant>,
}

impl Deadlines {
    pub(crate) fn earliest(self) -> Instant {
        self.caller.map_or(self.upstream, |caller| caller.min(self.upstream))
    }
}
