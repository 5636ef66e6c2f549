//! The client's settings, from the environment. Ranges are the runtime's own; here their variables
//! get names, and what contradicts each other across both is refused.

use std::time::Duration;

use resilience_actors::{
    Allowed, BreakerConfig, BreakerScope, BreakerSettings, CallConfig, CallSettings, DURATIONS,
    InvalidConfig, Retry,
};
use serde::{Serialize, Serializer};
use service_edge::{CommonSettings, KnownNames, Limit, SettingError, Settings};

use crate::{backend_url::BackendUrl, replicas::ReplicaHosts};

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

const KNOWN_NAMES: KnownNames<'_> =
    KnownNames { prefixes: &["BREAKER_", "RETRY_"], of_others: &BACKEND_SETTINGS };

/// All that the client service can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// What both services can be told.
    pub common: CommonSettings,
    /// `BACKEND_URL`: where the backend is. Requests go there and nowhere else.
    pub backend: BackendUrl,
    /// `BREAKER_*`.
    pub breaker: BreakerConfig,
    /// `RETRY_*`, `ATTEMPT_TIMEOUT`, `CALL_DEADLINE`, `CONNECT_RETRIES` and `BREAKER_SCOPE`. Valid.
    pub calls: Calls,
    /// `CONNECT_TIMEOUT`: time to resolve the name, and to connect to each of its addresses.
    pub connect_timeout: Duration,
    /// `MAX_CALLS`: calls in flight and waiting, over all workers.
    pub max_calls: Limit,
    /// `MAX_RESPONSE_BYTES`: the largest body that is taken from the backend.
    pub max_response_bytes: usize,
    /// `MAX_EVENT_STREAMS`: readers of `/api/events` at a time, over all workers.
    pub max_event_streams: usize,
    /// `BACKEND_FAULTS_HOST`: where all replicas of the backend are.
    pub replicas: ReplicaHosts,
    /// `HOSTNAME`: the name of this pod, so that a page sees which of several it follows.
    pub pod: String,
    /// All settings as they took effect, in one line, without the token.
    pub summary: String,
    /// One line for each variable that is probably meant to be a setting, but is none.
    pub near_misses: Vec<String>,
}

/// How calls are made, with time limits that are always there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calls {
    /// `RETRY_*`.
    #[serde(flatten)]
    pub retry: Retry,
    /// `ATTEMPT_TIMEOUT`.
    #[serde(serialize_with = "in_seconds")]
    pub attempt_timeout: Duration,
    /// `CALL_DEADLINE`.
    #[serde(serialize_with = "in_seconds")]
    pub call_deadline: Duration,
    /// `CONNECT_RETRIES`.
    pub connect_retries: u32,
    /// `BREAKER_SCOPE`.
    pub scope: BreakerScope,
}

impl Calls {
    /// The same as settings of an upstream.
    pub fn settings(&self) -> CallSettings {
        CallSettings {
            retry: Some(self.retry.clone()),
            attempt_timeout: Some(self.attempt_timeout),
            call_deadline: Some(self.call_deadline),
            connect_retries: self.connect_retries,
            scope: self.scope,
        }
    }
}

fn in_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl Config {
    /// Reads all of them.
    ///
    /// # Errors
    /// The first variable whose value cannot be used, or contradicts another.
    pub fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let common = CommonSettings::read(settings, DEFAULT_PORT)?;
        let backend =
            BackendUrl::parse(settings.text("BACKEND_URL", "http://backend-service:5000")?)?;
        let breaker = breaker(settings)?;
        let calls = calls(settings)?;
        let connect_timeout =
            settings.seconds("CONNECT_TIMEOUT", Duration::from_secs(1), DURATIONS)?;
        let max_calls = settings.limit("MAX_CALLS", 10_000, 1..=10_000_000)?;
        let max_response_bytes =
            settings.integer("MAX_RESPONSE_BYTES", 1_048_576, 1..=1_073_741_824)?;
        let max_event_streams = settings.integer("MAX_EVENT_STREAMS", 2_000, 0..=1_000_000)?;
        let replicas = settings.optional_text("BACKEND_FAULTS_HOST")?;
        let replicas = ReplicaHosts::new(replicas, &backend)?;
        let pod = settings.pod();

        if connect_timeout > calls.attempt_timeout {
            return Err(SettingError::new(
                "CONNECT_TIMEOUT",
                connect_timeout.as_secs_f64().to_string(),
                format!("no more than ATTEMPT_TIMEOUT={}", calls.attempt_timeout.as_secs_f64()),
            ));
        }
        if breaker.trial_lease < calls.attempt_timeout {
            return Err(SettingError::new(
                "BREAKER_TRIAL_LEASE",
                breaker.trial_lease.as_secs_f64().to_string(),
                format!("no less than ATTEMPT_TIMEOUT={}", calls.attempt_timeout.as_secs_f64()),
            ));
        }
        let (summary, near_misses) = (settings.summary(), settings.near_misses(KNOWN_NAMES));
        Ok(Self {
            common,
            backend,
            breaker,
            calls,
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

fn breaker(settings: &mut Settings<'_>) -> Result<BreakerConfig, SettingError> {
    let default = BreakerSettings::default();
    // 0 switches the streak off, which needs another trip.
    let fail_max = 1..=*BreakerSettings::FAIL_MAX.end();
    let fail_max = settings.integer("BREAKER_FAIL_MAX", default.fail_max, fail_max)?;
    let reset_timeout =
        settings.seconds("BREAKER_RESET_TIMEOUT", default.reset_timeout, DURATIONS)?;
    let half_open_max_calls = settings.integer(
        "BREAKER_HALF_OPEN_MAX_CALLS",
        default.half_open_max_calls,
        BreakerSettings::HALF_OPEN_MAX_CALLS,
    )?;
    let success_threshold = settings.integer(
        "BREAKER_SUCCESS_THRESHOLD",
        default.success_threshold,
        BreakerSettings::SUCCESS_THRESHOLD,
    )?;
    let trial_lease = settings.seconds("BREAKER_TRIAL_LEASE", default.trial_lease, DURATIONS)?;
    BreakerConfig::try_from(BreakerSettings {
        fail_max,
        reset_timeout,
        half_open_max_calls,
        success_threshold,
        trial_lease,
        ..default
    })
    .map_err(named)
}

fn calls(settings: &mut Settings<'_>) -> Result<Calls, SettingError> {
    let default = Retry::default();
    let scopes = [("call", BreakerScope::Call), ("attempt", BreakerScope::Attempt)];
    let scope = settings.choice("BREAKER_SCOPE", "call", &scopes)?;
    let max_attempts =
        settings.integer("RETRY_MAX_ATTEMPTS", default.max_attempts, Retry::MAX_ATTEMPTS)?;
    let base_delay = settings.seconds("RETRY_BASE_DELAY", default.base_delay, DURATIONS)?;
    let multiplier = settings.number("RETRY_MULTIPLIER", default.multiplier, Retry::MULTIPLIER)?;
    let max_delay = settings.seconds("RETRY_MAX_DELAY", default.max_delay, DURATIONS)?;
    let jitter = settings.number("RETRY_JITTER", default.jitter, Retry::JITTER)?;
    let retry = Retry { max_attempts, base_delay, multiplier, max_delay, jitter };
    let attempt_timeout = settings.seconds("ATTEMPT_TIMEOUT", Duration::from_secs(3), DURATIONS)?;
    let connect_retries = settings.integer("CONNECT_RETRIES", 2, CallSettings::CONNECT_RETRIES)?;
    let call_deadline = settings.seconds("CALL_DEADLINE", Duration::from_secs(30), DURATIONS)?;
    let calls = Calls { retry, attempt_timeout, call_deadline, connect_retries, scope };
    CallConfig::try_from(calls.settings()).map_err(named)?;
    Ok(calls)
}

/// The runtime's refusal, in terms of the variables that the values came from.
fn named(InvalidConfig { field, value, allowed }: InvalidConfig) -> SettingError {
    let allowed = match allowed {
        Allowed::Values(values) => values,
        Allowed::AtLeast { field, value } => format!("no less than {}={value}", variable(field)),
        Allowed::Beside(others) => {
            let others: Vec<_> = others.iter().map(|field| variable(field)).collect();
            format!("{} to be set", others.join(" or "))
        }
    };
    SettingError::new(variable(field), value, allowed)
}

/// The variable that sets a field of the breaker's or the calls' settings.
fn variable(field: &str) -> String {
    let prefix = match field {
        "max_attempts" | "base_delay" | "multiplier" | "max_delay" | "jitter" => "RETRY_",
        "attempt_timeout" | "call_deadline" | "connect_retries" => "",
        _ => "BREAKER_",
    };
    format!("{prefix}{}", field.to_uppercase())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
