//! What is asked of the backend.

use service_edge::TraceContext;

pub(super) const DATA: &str = "/api/data";
pub(super) const TRANSIENT: &str = "/api/transient-failure";

/// A request to the backend.
#[derive(Debug, Clone)]
pub struct BackendRequest {
    /// The endpoint to ask.
    pub wanted: Wanted,
    /// The span of the call: each attempt is a child of it.
    pub trace: TraceContext,
}

/// An endpoint of the backend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wanted {
    /// `GET /api/data`.
    Data {
        /// Failure rate for this request, 0 to 1. `None`: the backend's own rate.
        failure_rate: Option<f64>,
    },
    /// `GET /api/transient-failure`.
    Transient,
}

impl Wanted {
    /// The path. Method and host are the same for all requests.
    pub fn path(self) -> &'static str {
        match self {
            Self::Data { .. } => DATA,
            Self::Transient => TRANSIENT,
        }
    }
}
