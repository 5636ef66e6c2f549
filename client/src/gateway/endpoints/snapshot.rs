//! An endpoint, as `GET /api/upstreams` shows it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::endpoint::Endpoint;

/// An endpoint, as `GET /api/upstreams` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EndpointSnapshot {
    /// Its address, or its name if that is not resolved before a connect.
    pub address: String,
    /// Attempts and bodies of answers in flight.
    pub in_flight: usize,
    /// Latency of its attempts until the head of the answer, smoothed. Absent if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_seconds: Option<f64>,
    /// It gets no calls for a while.
    pub ejected: bool,
    /// The rest of that time. Absent if it is not ejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ejected_for_seconds: Option<f64>,
}

impl EndpointSnapshot {
    /// An endpoint at `second` of its pool's time. `left` is the rest of its ejection.
    pub(super) fn of(endpoint: &Endpoint, second: u64, left: Option<Duration>) -> Self {
        let load = endpoint.load(second);
        let latency = Duration::from_nanos(load.latency);
        Self {
            address: endpoint.place().to_string(),
            in_flight: load.in_flight,
            latency_seconds: (load.latency > 0).then(|| seconds(latency)),
            ejected: left.is_some(),
            ejected_for_seconds: left.map(seconds),
        }
    }
}

/// Seconds with microsecond digits.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}
