//! The bodies of `/api/backend/faults`.

use std::net::SocketAddr;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// `GET` and `PUT /api/backend/faults`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplicasBody<'a> {
    /// All replicas of the backend.
    pub(crate) replicas: Vec<Replica<'a>>,
}

/// `PUT /api/backend/faults`, if a replica did not take the plan.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplicasError<'a> {
    /// The reason phrase of the status.
    pub(crate) error: &'static str,
    /// What happened.
    pub(crate) message: String,
    /// All replicas; absent if they cannot be found.
    pub(crate) replicas: Option<Vec<Replica<'a>>>,
}

/// A replica of the backend.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Replica<'a> {
    /// Its plan.
    Plan {
        /// Where it is.
        #[schema(value_type = String)]
        address: SocketAddr,
        /// The name of its pod.
        pod: Option<&'a str>,
        /// The plan as it sent it.
        #[schema(value_type = Object)]
        plan: &'a RawValue,
    },
    /// Why there is no plan of it.
    Failed {
        /// Where it is.
        #[schema(value_type = String)]
        address: SocketAddr,
        /// What went wrong.
        error: String,
    },
}

/// A fault plan. The backend checks it: its own document says what it takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ReplicaPlan(#[schema(inline)] serde_json::Map<String, serde_json::Value>);
