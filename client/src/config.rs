//! The client's settings, from the environment. The ranges of the policies' settings are the runtime's. This module
//! names their variables, and refuses settings that contradict each other.

mod breaker;
mod calls;
mod concurrency;
mod fallback;
mod hedge;
mod meanings;
mod names;
mod probe;
mod rate;
mod retry;
mod retry_after;
mod retry_budget;
mod throttle;

use std::time::Duration;

use resilience_actors::{BreakerConfig, DURATIONS};
use service_edge::{CommonSettings, KnownNames, Limit, SettingError, Settings};

use self::names::named;
pub use self::{calls::Calls, meanings::MEANINGS, probe::HealthProbe};
use crate::{backend_url::BackendUrl, fallback::StaleLimits, replicas::ReplicaHosts};

/// `PORT`, if it is not set.
pub const DEFAULT_PORT: u16 = 8000;

/// The settings of the backend, which may share the client's environment.
pub const BACKEND_SETTINGS: [&str; 6] = [
    "FAILURE_RATE",
    "SLOW_RESPONSE_RATE",
    "SLOW_RESPONSE_DELAY",
    "TRANSIENT_FAILURE_RATE",
    "TRANSIENT_RETRY_AFTER",
    "FAULT_SEED",
];

const KNOWN_NAMES: KnownNames<'_> = KnownNames {
    prefixes: &[
        "BREAKER_",
        "RETRY_",
        "CONCURRENCY_",
        "PRIORITY_",
        "HEDGE_",
        "RATE_",
        "THROTTLE_",
        "FALLBACK_",
    ],
    of_others: &BACKEND_SETTINGS,
};

/// All settings of the client service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings that both services have.
    pub common: CommonSettings,
    /// `BACKEND_URL`: the backend. Requests of callers go only there.
    pub backend: BackendUrl,
    /// `BREAKER_*`.
    pub breaker: BreakerConfig,
    /// `BREAKER_PROBE` and `BREAKER_PROBE_*`: how the backend is probed while the circuit is open, if it is.
    pub probe: Option<HealthProbe>,
    /// `RETRY_*`, `ATTEMPT_TIMEOUT`, `CALL_DEADLINE`, `CONNECT_RETRIES` and `BREAKER_SCOPE`, validated.
    pub calls: Calls,
    /// `FALLBACK` and `FALLBACK_*`: the limits of stale answers, if they are on.
    pub fallback: Option<StaleLimits>,
    /// `COALESCE`: identical requests in flight share a call.
    pub coalesce: bool,
    /// `CONNECT_TIMEOUT`: maximum time to resolve the name, and again to connect to each of its addresses.
    pub connect_timeout: Duration,
    /// `MAX_CALLS`: maximum number of calls in flight and waiting, over all workers.
    pub max_calls: Limit,
    /// `MAX_RESPONSE_BYTES`: maximum size of a body from the backend.
    pub max_response_bytes: usize,
    /// `MAX_EVENT_STREAMS`: maximum number of readers of `/api/events` at a time, over all workers.
    pub max_event_streams: usize,
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
        let backend =
            BackendUrl::parse(settings.text("BACKEND_URL", "http://backend-service:5000")?)?;
        let breaker = breaker::read(settings)?;
        let probe = probe::read(settings, &breaker)?;
        let calls = calls::read(settings)?;
        let probe = probe.map(|probe| probe.timeout(calls.attempt_timeout));
        let fallback = fallback::read(settings)?;
        let coalesce = settings.choice("COALESCE", "off", &[("off", false), ("on", true)])?;
        let connect_timeout =
            settings.seconds("CONNECT_TIMEOUT", Duration::from_secs(1), DURATIONS)?;
        let max_calls = settings.limit("MAX_CALLS", 10_000, 1..=10_000_000)?;
        let max_response_bytes =
            settings.integer("MAX_RESPONSE_BYTES", 1_048_576, 1..=1_073_741_824)?;
        let max_event_streams = settings.integer("MAX_EVENT_STREAMS", 2_000, 0..=1_000_000)?;
        let replicas = settings.optional_text("BACKEND_FAULTS_HOST")?;
        let replicas = ReplicaHosts::new(replicas, &backend)?;
        let pod = settings.pod();

        check_connect_timeout(connect_timeout, calls.attempt_timeout)?;
        breaker.check_timeout(calls.attempt_timeout).map_err(named)?;
        let (summary, near_misses) = (settings.summary(), settings.near_misses(KNOWN_NAMES));
        Ok(Self {
            common,
            backend,
            breaker,
            probe,
            calls,
            fallback,
            coalesce,
            connect_timeout,
            max_calls,
            max_response_bytes,
            max_event_streams,
            replicas,
            pod,
            summary,
            near_misses,
        })
    }
}

/// Refuses a connect timeout above the attempt timeout.
fn check_connect_timeout(connect: Duration, attempt: Duration) -> Result<(), SettingError> {
    if connect <= attempt {
        return Ok(());
    }
    let allowed = format!("no more than ATTEMPT_TIMEOUT={}", attempt.as_secs_f64());
    Err(SettingError::new("CONNECT_TIMEOUT", connect.as_secs_f64().to_string(), allowed))
}

#[cfg(test)]
mod tests;
