//! What a connection beyond `MAX_CONNECTIONS` is answered.

use std::time::Duration;

use super::api_error::ApiError;

/// The paths that are answered beyond the limit. An orchestrator that gets no answer to its probe would end a process
/// that is only in demand.
pub(crate) const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];

/// `Retry-After` of a refused connection.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The answer to any other request: 503. `max` is the maximum number of connections.
pub(crate) fn refusal(max: usize) -> ApiError {
    ApiError::unavailable(format!("all {max} connections are in use; try again in 1 s"))
        .retry_after(RETRY_AFTER)
}
