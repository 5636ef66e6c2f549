//! The bodies of `/api/upstreams`.

use resilience_actors::{Mode, State, breaker::Counts};
use serde::Serialize;
use utoipa::ToSchema;

use super::{CircuitBody, Policies};
use crate::{gateway::endpoints::EndpointSnapshot, stats};

/// `GET /api/upstreams`.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpstreamsBody {
    /// The file of upstreams. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigFileBody>,
    /// The lab's backend, and those of the file in the order of their names.
    pub upstreams: Vec<ListedUpstream>,
}

/// The file of upstreams.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConfigFileBody {
    /// Where it is.
    pub path: String,
    /// When the upstreams in force were read.
    pub loaded_at: String,
    /// What is wrong with the file, if its last reading failed: the upstreams are those of an earlier one.
    pub error: Option<String>,
}

/// One upstream of [`UpstreamsBody`].
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedUpstream {
    /// Name, URL, calls and policies.
    #[serde(flatten)]
    pub about: AboutUpstream,
    /// The circuit's state.
    pub state: State,
    /// The circuit's mode.
    pub mode: Mode,
    /// Counts since the start.
    pub counts: Counts,
}

/// `GET /api/upstreams/{name}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpstreamBody {
    /// Name, URL, calls and policies.
    #[serde(flatten)]
    pub about: AboutUpstream,
    /// As in `GET /api/circuit-breaker`.
    #[serde(flatten)]
    pub circuit: CircuitBody,
}

/// An upstream without its circuit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AboutUpstream {
    /// Its name.
    pub name: String,
    /// Where it is. A URL has no user information.
    pub url: String,
    /// Calls since the start.
    pub calls: UpstreamCalls,
    /// Its endpoints. Absent if there is one that is not looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointSnapshot>,
    /// The optional policies that are on.
    pub policies: Policies,
}

/// The calls of an upstream.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpstreamCalls {
    /// By how they ended.
    #[serde(flatten)]
    pub counts: stats::Counts,
    /// Answered with a stale answer; absent unless `FALLBACK` is `stale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_responses: Option<u64>,
    /// Without an answer yet.
    pub calls_in_flight: u64,
}
