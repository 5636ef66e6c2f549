//! The concurrency limit at one moment.

use std::time::Duration;

use serde::Serialize;

/// A [`ConcurrencyLimit`](crate::ConcurrencyLimit) at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConcurrencySnapshot {
    /// Maximum number of attempts in flight.
    pub max: usize,
    /// Attempts in flight.
    pub in_flight: usize,
    /// Attempts that wait for a place.
    pub queued: usize,
    /// Maximum number of attempts that wait.
    pub max_queued: usize,
    /// Only of a limit that follows latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveSnapshot>,
    /// Only of a limit with priorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priorities: Option<PrioritySnapshot>,
}

/// What a limit that follows latency knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdaptiveSnapshot {
    /// The lowest limit.
    pub floor: usize,
    /// The highest limit.
    pub ceiling: usize,
    /// Latency of the upstream without load. `None` while it is not known.
    #[serde(rename = "baseline_seconds", serialize_with = "crate::seconds::optional::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub baseline: Option<Duration>,
}

/// What a limit with priorities rejects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrioritySnapshot {
    /// Share of attempts that is rejected if no place is free, the least important first: 0 to 1.
    pub rejection_share: f64,
    /// Attempts that the limit has rejected, by the level of their priority.
    pub rejected: [u64; 4],
}
