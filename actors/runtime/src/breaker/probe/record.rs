//! How a probe ended.

use std::time::Duration;

/// A probe of an open circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRecord {
    /// How it ended.
    pub result: ProbeResult,
    /// What went wrong, if it failed.
    pub cause: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// The upstream answered as it should.
    Success,
    /// It did not, or the probe panicked.
    Failure,
    /// It did not answer within the timeout.
    Timeout,
}
