//! The client's settings, from the environment.

mod gateway;
mod tls;
mod traces;

use std::path::PathBuf;

use service_edge::{CommonSettings, Limit, SettingError, Settings};

pub use self::{gateway::GatewaySettings, traces::TraceExport};
use crate::{
    fallback::StaleLimits,
    gateway::file::{self, Contents, Loaded, UpstreamConfig},
    policy_settings::{KNOWN_NAMES, LivePolicies, UpstreamSettings},
    replicas::ReplicaHosts,
    transport::ConnectionSettings,
    upstream_url::UpstreamUrl,
};

/// `PORT`, if it is not set.
pub const DEFAULT_PORT: u16 = 8000;

/// The file of upstreams, as it was read.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it and the files that it refers to held.
    pub contents: Contents,
}

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
    /// `CONFIG`: the file of upstreams.
    pub file: Option<ConfigFile>,
    /// The upstreams of that file, in the order of their names. Empty if there is none.
    pub upstreams: Vec<UpstreamConfig>,
    /// `OTEL_*`: where spans go. `None`: they are not exported.
    pub traces: Option<TraceExport>,
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
        let UpstreamSettings { fallback, coalesce, .. } = of_backend;
        let max_calls = settings.limit("MAX_CALLS", 10_000, 1..=10_000_000)?;
        let max_response_bytes =
            settings.integer("MAX_RESPONSE_BYTES", 1_048_576, 1..=1_073_741_824)?;
        let max_event_streams = settings.integer("MAX_EVENT_STREAMS", 2_000, 0..=1_000_000)?;
        let gateway = gateway::read(settings)?;
        let traces = traces::read(settings)?;
        let replicas = settings.optional_text("BACKEND_FAULTS_HOST")?;
        let replicas = ReplicaHosts::new(replicas, &backend)?;
        let path = settings.optional_text("CONFIG")?;
        let read = path.map(|path| read_file(path, settings, has_admin_token)).transpose()?;
        let (file, upstreams) = read.unzip();
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
            file,
            upstreams: upstreams.unwrap_or_default(),
            traces,
            replicas,
            pod,
            summary,
            near_misses,
        })
    }
}

/// Reads the file at `path`.
fn read_file(
    path: String,
    settings: &Settings<'_>,
    has_admin_token: bool,
) -> Result<(ConfigFile, Vec<UpstreamConfig>), SettingError> {
    if path.is_empty() {
        return Err(SettingError::new("CONFIG", path, "the path of a file of upstreams"));
    }
    let Loaded { upstreams, contents } = file::load(path.as_ref(), settings, has_admin_token);
    let file = ConfigFile { path: path.clone().into(), contents };
    upstreams.map(|upstreams| (file, upstreams)).map_err(|errors| {
        let errors = errors.summary(path.as_ref());
        SettingError::new("CONFIG", path, format!("a file without errors: {errors}"))
    })
}

#[cfg(test)]
mod tests;
