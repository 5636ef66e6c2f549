//! What an answer holds while it is passed on.

use resilience_actors::ConcurrencyPlace;

use super::{endpoints::EndpointUse, quota::Share};

/// What an answer holds until its body ends or is cut off, its caller leaves, or its call waits for a retry. All of it
/// goes back when this is dropped.
#[derive(Default)]
pub(super) struct Held {
    /// The place of its attempt under the upstream's `concurrency_max`.
    pub(super) attempt: Option<ConcurrencyPlace>,
    /// Its place under `MAX_STREAMS`.
    pub(super) stream: Option<Share>,
    /// Its place in the count of its endpoint. `None` if the upstream has one endpoint.
    pub(super) endpoint: Option<EndpointUse>,
}
