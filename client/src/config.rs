//! The client's settings, from the environment.

mod fallback;
mod gateway;
mod tls;

use service_edge::{CommonSettings, Limit, SettingError, Settings};

pub use self::gateway::GatewaySettings;
use crate::{
    fallback::StaleLimits,
    gateway::file::{self, UpstreamConfig},
    policy_settings::{KNOWN_NAMES, LivePolicies, UpstreamSettings},
    replicas::ReplicaHosts,
    transport::ConnectionSettings,
    upstream_url::UpstreamUrl,
};

/// `PORT`, if it is not set.
pub const DEFAULT_PORT: u16 = 8000;

/// All settings of the client service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings that both services have.
    pub common: CommonSettings,
    /// `BACKEND_URL`: the backend. Requests of callers go only there.
    pub backend: UpstreamUrl,
    /// The settings of the policies, which can change at run time.
    pub policies: LivePolicies,
    /// `FALLBACK` and `FALLBACK_*`: the limits of stale answers, if they are on.
    pub fallback: Option<StaleLimits>,
    /// `COALESCE`: identical requests in flight share a call.
    pub coalesce: bool,
    /// `CONNECT_TIMEOUT`, `POOL_MAX_AGE`, `POOL_IDLE_TIMEOUT` and the settings of TLS: the connections to the backend.
    pub connections: ConnectionSettings,
    /// `MAX_CALLS`: maximum number of calls in flight and waiting, over all workers.
    pub max_calls: Limit,
    /// `MAX_RESPONSE_BYTES`: maximum size of a body from the backend.
    pub max_response_bytes: usize,
    /// `MAX_EVENT_STREAMS`: maximum number of readers of `/api/events` at a time, over all workers.
    pub max_event_streams: usize,
    /// The settings of requests that are passed on.
    pub gateway: GatewaySettings,
    /// The upstreams of the file that `CONFIG` names, in the order of their names. Empty if it is not set.
    pub upstreams: Vec<UpstreamConfig>,
    /// `BACKEND_FAULTS_HOST`: the names that resolve to all replicas of the backend.
    pub replicas: ReplicaHosts,
    /// `HOSTNAME`: the name of this pod, so that a dashboard shows which pod it follows.
    pub pod: String,
    /// All settings with their values, in one line, without the token.
    pub summary: String,
    /// One line for each variable that is probably meant to be a setting, but is none.
    pub near_misses: Vec<String>,
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// The first variable whose value is not valid or contradicts another variable.
    pub fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let common = CommonSettings::read(settings, DEFAULT_PORT)?;
        let backend = settings.text("BACKEND_URL", "http://backend-service:5000")?;
        let backend = UpstreamUrl::read("BACKEND_URL", backend)?;
        let tls = tls::read(settings, &backend)?;
        let has_admin_token = common.admin_token.is_some();
        let of_backend = UpstreamSettings::read(settings, has_admin_token)?;
        let policies = LivePolicies::new(&of_backend);
        let connections = of_backend.connections(tls);
        let fallback = fallback::read(settings)?;
        let coalesce = settings.choice("COALESCE", "off", &[("off", false), ("on", true)])?;
        let max_calls = settings.limit("MAX_CALLS", 10_000, 1..=10_000_000)?;
        let max_response_bytes =
            settings.integer("MAX_RESPONSE_BYTES", 1_048_576, 1..=1_073_741_824)?;
        let max_event_streams = settings.integer("MAX_EVENT_STREAMS", 2_000, 0..=1_000_000)?;
        let gateway = gateway::read(settings)?;
        let replicas = settings.optional_text("BACKEND_FAULTS_HOST")?;
        let replicas = ReplicaHosts::new(replicas, &backend)?;
        let upstreams =
            read_upstreams(settings.optional_text("CONFIG")?, settings, has_admin_token)?;
        let pod = settings.pod();
        let (summary, near_misses) = (settings.summary(), settings.near_misses(KNOWN_NAMES));
        Ok(Self {
            common,
            backend,
            policies,
            fallback,
            coalesce,
            connections,
            max_calls,
            max_response_bytes,
            max_event_streams,
            gateway,
            upstreams,
            replicas,
            pod,
            summary,
            near_misses,
        })
    }
}

/// The upstreams of the file at `path`.
fn read_upstreams(
    path: Option<String>,
    settings: &Settings<'_>,
    has_admin_token: bool,
) -> Result<Vec<UpstreamConfig>, SettingError> {
    let Some(path) = path else { return Ok(Vec::new()) };
    if path.is_empty() {
        return Err(SettingError::new("CONFIG", path, "the path of a file of upstreams"));
    }
    file::load(path.as_ref(), settings, has_admin_token).map_err(|errors| {
        let first = errors.lines.first().map_or("", String::as_str);
        let more = match errors.lines.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" ({more} more: client-service check {path})"),
        };
        SettingError::new("CONFIG", &path, format!("a file without errors: {first}{more}"))
    })
}

#[cfg(test)]
mod tests;
