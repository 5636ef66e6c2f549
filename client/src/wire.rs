//! The JSON bodies of the answers. Times are in seconds.

mod call_event;
mod replicas_body;
mod stress_body;
mod upstream_body;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use call_event::{AttemptEvent, CallEvent};
pub(crate) use replicas_body::{Replica, ReplicaPlan, ReplicasBody, ReplicasError};
use resilience_actors::{
    BreakerSnapshot, CallId, CoalesceSnapshot, Event, InjectedFault, Mode, Outcome, PolicySnapshot,
    State, breaker::Counts,
};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
pub use stress_body::{Latency, StressBody, StressResult, StressSummary};
pub use upstream_body::{
    AboutUpstream, ConfigFileBody, ListedUpstream, UpstreamBody, UpstreamCalls, UpstreamsBody,
};
use utoipa::ToSchema;

use crate::{fallback::StaleSnapshot, policy_settings::Calls, stats};

/// `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// "healthy": the process answers. Never depends on the breaker.
    pub status: &'static str,
    /// "client-service".
    pub service: &'static str,
    /// The circuit's state.
    pub circuit_breaker_state: State,
    /// The circuit's mode.
    pub mode: Mode,
}

/// `GET /api/call-backend`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallBody<'a> {
    pub(crate) client_request_id: CallId,
    #[serde(flatten)]
    pub(crate) answer: ResilientAnswer<'a>,
}

/// What [`CallBody`] and [`RetryBody`] share: the answer of a call with breaker and retries.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResilientAnswer<'a> {
    pub(crate) backend_response: BackendBody<'a>,
    /// Present if true: an earlier answer, because this call has none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stale: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stale_age_seconds: Option<f64>,
    pub(crate) elapsed_time_seconds: f64,
    pub(crate) circuit_breaker_state: State,
    pub(crate) attempts: usize,
    /// Present if true: the retry budget refused a retry.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) retry_refused: bool,
}

/// `GET /api/call-backend-without-resilience`, if the backend answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct BaselineBody<'a> {
    pub(crate) message: &'static str,
    #[schema(value_type = serde_json::Value)]
    pub(crate) backend_response: &'a RawValue,
    pub(crate) elapsed_time_seconds: f64,
    pub(crate) status_code: u16,
}

/// `GET /api/call-backend-without-resilience`, if the backend did not answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct BaselineError {
    pub(crate) error: &'static str,
    pub(crate) message: String,
    pub(crate) elapsed_time_seconds: f64,
    pub(crate) status_code: u16,
}

/// `GET /api/call-backend-without-resilience`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum BaselineAnswer<'a> {
    Answered(BaselineBody<'a>),
    Failed(BaselineError),
}

/// The settings of policies in force, or those to be changed, by the names of their variables in lower case.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct PolicySettings(BTreeMap<String, SettingValue>);

/// A setting: a number, a text, or `false` if it is not set. In a PATCH, null is the value at the start.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum SettingValue {
    Number(f64),
    Text(String),
    Set(bool),
    AtStart,
}

/// `GET /api/test-retry`.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetryBody<'a> {
    pub(crate) test_type: &'static str,
    #[serde(flatten)]
    pub(crate) answer: ResilientAnswer<'a>,
    pub(crate) attempt_log: Vec<AttemptEntry>,
}

/// One attempt in [`RetryBody`].
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptEntry {
    pub(crate) attempt: u32,
    /// Present if true: the attempt was made beside another one that took long.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hedge: bool,
    pub(crate) status_code: Option<u16>,
    pub(crate) outcome: Outcome,
    pub(crate) elapsed_seconds: f64,
    pub(crate) wait_seconds: Option<f64>,
    /// The injected fault; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) injected: Option<InjectedFault>,
}

/// The backend's own body, or an error of the client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum BackendBody<'a> {
    /// The backend's body, unchanged.
    #[schema(value_type = serde_json::Value)]
    Own(&'a RawValue),
    /// The backend gave no answer.
    Missing {
        /// The status's reason phrase.
        error: &'static str,
        /// What happened.
        message: String,
        /// True if the call was rejected: this body is the fallback.
        #[serde(skip_serializing_if = "Option::is_none")]
        fallback: Option<bool>,
    },
}

/// `GET /api/stats`.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsBody {
    /// Counters since the start.
    pub statistics: Statistics,
    /// The breaker, with its configuration.
    pub circuit_breaker: BreakerSnapshot,
    /// How calls are made.
    pub retry: Calls,
    /// The optional policies that are on.
    #[serde(skip_serializing_if = "Policies::is_empty")]
    pub policies: Policies,
}

/// The optional policies of an upstream. Those that are off are absent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Policies {
    /// Those of the upstream.
    #[serde(flatten)]
    pub upstream: PolicySnapshot,
    /// The kept answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<StaleSnapshot>,
    /// The shared calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coalesce: Option<CoalesceSnapshot>,
}

impl Policies {
    fn is_empty(&self) -> bool {
        self.upstream.is_empty() && self.fallback.is_none() && self.coalesce.is_none()
    }
}

/// The counters of [`StatsBody`].
#[derive(Debug, Serialize, ToSchema)]
pub struct Statistics {
    /// Calls with resilience.
    #[serde(flatten)]
    pub resilient: stats::Counts,
    /// Answered with a stale answer; absent unless `FALLBACK` is `stale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_responses: Option<u64>,
    /// Transitions to open.
    pub circuit_breaker_open_count: u64,
    /// Calls of all kinds in flight or waiting now.
    pub calls_in_flight: usize,
    /// Calls that wait for their next attempt now.
    pub calls_waiting: usize,
    /// Maximum number of calls in flight or waiting.
    pub max_calls: usize,
    /// Calls without resilience.
    pub baseline: stats::Counts,
}

/// `GET /api/circuit-breaker`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CircuitBody {
    /// State, mode, and configuration.
    #[serde(flatten)]
    pub circuit_breaker: BreakerSnapshot,
    /// Counts since the start.
    pub counts: Counts,
}

/// `POST /api/circuit-breaker/reset`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResetBody {
    /// What was done.
    pub message: &'static str,
    /// The state after it.
    pub state: State,
}

/// `POST /api/circuit-breaker/force-open`, `/disable` and `/enable`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModeBody {
    /// What was done.
    pub message: &'static str,
    /// The state after it.
    pub state: State,
    /// The mode after it.
    pub mode: Mode,
}

/// `GET /api/events/history`.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryBody {
    /// The events, in order.
    #[serde(serialize_with = "each")]
    #[schema(value_type = Vec<Event>)]
    pub events: Vec<Arc<Event>>,
    /// Number of the oldest event from which on the log has all events.
    pub oldest: u64,
    /// Number of the newest.
    pub newest: u64,
}

fn each<S: Serializer>(events: &[Arc<Event>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(events.iter().map(|event| &**event))
}

/// Seconds with microsecond digits.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}
