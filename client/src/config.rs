//! The client's settings, from the environment. Ranges are the runtime's own; here their variables
//! get names, and what contradicts each other across both is refused.

use std::time::Duration;

use resilience_actors::{
    Allowed, BreakerConfig, BreakerScope, BreakerSettings, InvalidConfig, RetryConfig,
    RetrySettings,
};
use service_edge::{CommonSettings, SettingError, Settings};

use crate::backend_url::BackendUrl;

/// `PORT`, if it is not set.
pub const DEFAULT_PORT: u16 = 8000;

/// All that the client service can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// What both services can be told.
    pub common: CommonSettings,
    /// `BACKEND_URL`: where the backend is. Requests go there and nowhere else.
    pub backend: BackendUrl,
    /// `BREAKER_*`.
    pub breaker: BreakerConfig,
    /// `RETRY_*`, `ATTEMPT_TIMEOUT`, `CALL_DEADLINE`, `CONNECT_RETRIES` and `BREAKER_SCOPE`.
    pub retry: RetryConfig,
    /// `CONNECT_TIMEOUT`: time to resolve the name, and to connect to each of its addresses.
    pub connect_timeout: Duration,
    /// `MAX_CALLS`: calls in flight and waiting, over all workers.
    pub max_calls: usize,
    /// `MAX_RESPONSE_BYTES`: the largest body that is taken from the backend.
    pub max_response_bytes: usize,
    /// All settings as they took effect, in one line, without the token.
    pub summary: String,
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
        let retry = retry(settings)?;
        let connect_timeout = settings.seconds("CONNECT_TIMEOUT", Duration::from_secs(1))?;
        let max_calls = settings.integer("MAX_CALLS", 10_000, 1..=10_000_000)?;
        let max_response_bytes =
            settings.integer("MAX_RESPONSE_BYTES", 1_048_576, 1..=1_073_741_824)?;

        if connect_timeout.is_zero() || connect_timeout > retry.attempt_timeout {
            return Err(SettingError::new(
                "CONNECT_TIMEOUT",
                connect_timeout.as_secs_f64().to_string(),
                format!(
                    "seconds, more than 0 and no more than ATTEMPT_TIMEOUT={}",
                    retry.attempt_timeout.as_secs_f64()
                ),
            ));
        }
        if breaker.trial_lease < retry.attempt_timeout {
            return Err(SettingError::new(
                "BREAKER_TRIAL_LEASE",
                breaker.trial_lease.as_secs_f64().to_string(),
                format!("no less than ATTEMPT_TIMEOUT={}", retry.attempt_timeout.as_secs_f64()),
            ));
        }
        let summary = settings.summary();
        Ok(Self {
            common,
            backend,
            breaker,
            retry,
            connect_timeout,
            max_calls,
            max_response_bytes,
            summary,
        })
    }
}

fn breaker(settings: &mut Settings<'_>) -> Result<BreakerConfig, SettingError> {
    let default = BreakerSettings::default();
    let fail_max = settings.integer("BREAKER_FAIL_MAX", default.fail_max, 0..=u32::MAX)?;
    let reset_timeout = settings.seconds("BREAKER_RESET_TIMEOUT", default.reset_timeout)?;
    let half_open_max_calls = settings.integer(
        "BREAKER_HALF_OPEN_MAX_CALLS",
        default.half_open_max_calls,
        0..=u32::MAX,
    )?;
    let success_threshold =
        settings.integer("BREAKER_SUCCESS_THRESHOLD", default.success_threshold, 0..=u32::MAX)?;
    let trial_lease = settings.seconds("BREAKER_TRIAL_LEASE", default.trial_lease)?;
    BreakerConfig::try_from(BreakerSettings {
        fail_max,
        reset_timeout,
        half_open_max_calls,
        success_threshold,
        trial_lease,
    })
    .map_err(named)
}

fn retry(settings: &mut Settings<'_>) -> Result<RetryConfig, SettingError> {
    let default = RetrySettings::default();
    let scopes = [("call", BreakerScope::Call), ("attempt", BreakerScope::Attempt)];
    let scope = settings.choice("BREAKER_SCOPE", "call", &scopes)?;
    let max_attempts =
        settings.integer("RETRY_MAX_ATTEMPTS", default.max_attempts, 0..=u32::MAX)?;
    let base_delay = settings.seconds("RETRY_BASE_DELAY", default.base_delay)?;
    let multiplier = settings.number("RETRY_MULTIPLIER", default.multiplier)?;
    let max_delay = settings.seconds("RETRY_MAX_DELAY", default.max_delay)?;
    let jitter = settings.number("RETRY_JITTER", default.jitter)?;
    let attempt_timeout = settings.seconds("ATTEMPT_TIMEOUT", default.attempt_timeout)?;
    let connect_retries =
        settings.integer("CONNECT_RETRIES", default.connect_retries, 0..=u32::MAX)?;
    let call_deadline = settings.seconds("CALL_DEADLINE", default.call_deadline)?;
    RetryConfig::try_from(RetrySettings {
        max_attempts,
        base_delay,
        multiplier,
        max_delay,
        jitter,
        attempt_timeout,
        call_deadline,
        connect_retries,
        scope,
    })
    .map_err(named)
}

/// The runtime's refusal, in terms of the variables that the values came from.
fn named(InvalidConfig { field, value, allowed }: InvalidConfig) -> SettingError {
    let allowed = match allowed {
        Allowed::Values(values) => values,
        Allowed::AtLeast { field, value } => format!("no less than {}={value}", variable(field)),
    };
    SettingError::new(variable(field), value, allowed)
}

/// The variable that sets a field of the breaker's or the scheduler's settings.
fn variable(field: &str) -> String {
    let prefix = match field {
        "max_attempts" | "base_delay" | "multiplier" | "max_delay" | "jitter" => "RETRY_",
        "attempt_timeout" | "call_deadline" | "connect_retries" => "",
        _ => "BREAKER_",
    };
    format!("{prefix}{}", field.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let mut settings = Settings::from_pairs(variables);
        Config::read(&mut settings).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_gives_the_documented_defaults() {
        let config = read(&[]).unwrap();
        assert_eq!(config.common.port, 8000);
        assert_eq!(config.backend.join("/api/data"), "http://backend-service:5000/api/data");
        assert_eq!(config.breaker, BreakerConfig::default());
        assert_eq!(config.retry, RetryConfig::default());
        assert_eq!(config.connect_timeout, Duration::from_secs(1));
        assert_eq!((config.max_calls, config.max_response_bytes), (10_000, 1_048_576));
    }

    #[test]
    fn everything_set_is_used() {
        let config = read(&[
            ("BACKEND_URL", "http://[::1]:5001/"),
            ("BREAKER_FAIL_MAX", "3"),
            ("BREAKER_RESET_TIMEOUT", "2.5"),
            ("BREAKER_HALF_OPEN_MAX_CALLS", "4"),
            ("BREAKER_SUCCESS_THRESHOLD", "2"),
            ("BREAKER_SCOPE", "attempt"),
            ("BREAKER_TRIAL_LEASE", "0.7"),
            ("RETRY_MAX_ATTEMPTS", "6"),
            ("RETRY_BASE_DELAY", "0.1"),
            ("RETRY_MULTIPLIER", "3"),
            ("RETRY_MAX_DELAY", "5"),
            ("RETRY_JITTER", "0"),
            ("ATTEMPT_TIMEOUT", "0.5"),
            ("CONNECT_TIMEOUT", "0.2"),
            ("CONNECT_RETRIES", "0"),
            ("CALL_DEADLINE", "9"),
            ("MAX_CALLS", "7"),
            ("MAX_RESPONSE_BYTES", "1000"),
        ])
        .unwrap();
        assert_eq!(config.backend.join("/x"), "http://[::1]:5001/x");
        let breaker = BreakerSettings {
            fail_max: 3,
            reset_timeout: Duration::from_millis(2500),
            half_open_max_calls: 4,
            success_threshold: 2,
            trial_lease: Duration::from_millis(700),
        };
        assert_eq!(*config.breaker, breaker);
        let retry = RetrySettings {
            max_attempts: 6,
            base_delay: Duration::from_millis(100),
            multiplier: 3.0,
            max_delay: Duration::from_secs(5),
            jitter: 0.0,
            attempt_timeout: Duration::from_millis(500),
            call_deadline: Duration::from_secs(9),
            connect_retries: 0,
            scope: BreakerScope::Attempt,
        };
        assert_eq!(*config.retry, retry);
        assert_eq!(config.connect_timeout, Duration::from_millis(200));
        assert_eq!((config.max_calls, config.max_response_bytes), (7, 1000));
    }

    #[test]
    fn contradictions_name_both_variables() {
        for (variable, value, says) in [
            ("RETRY_BASE_DELAY", "11", "RETRY_MAX_DELAY=\"10\""),
            ("ATTEMPT_TIMEOUT", "31", "CALL_DEADLINE=\"30\""),
            ("ATTEMPT_TIMEOUT", "6", "BREAKER_TRIAL_LEASE=\"5\""),
            ("ATTEMPT_TIMEOUT", "0.5", "CONNECT_TIMEOUT=\"1\""),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert!(error.starts_with(says), "{error}");
            assert!(error.contains(&format!("{variable}={value}")), "{error}");
        }
    }

    #[test]
    fn each_bad_value_is_named() {
        for (variable, value) in [
            ("BACKEND_URL", ""),
            ("BACKEND_URL", "backend:5000"),
            ("BACKEND_URL", "https://backend:5000"),
            ("BACKEND_URL", "http://backend:5000/api"),
            ("BACKEND_URL", "http://backend:5000?x=1"),
            ("BACKEND_URL", "http://user:secret@backend:5000"),
            ("BACKEND_URL", "http://backend:65536"),
            ("BACKEND_URL", "http://backend:0"),
            ("BACKEND_URL", "http://backend:"),
            ("BACKEND_URL", "http://:5000"),
            ("BREAKER_FAIL_MAX", "0"),
            ("BREAKER_FAIL_MAX", "five"),
            ("BREAKER_RESET_TIMEOUT", "0"),
            ("BREAKER_RESET_TIMEOUT", "30s"),
            ("BREAKER_HALF_OPEN_MAX_CALLS", "0"),
            ("BREAKER_SUCCESS_THRESHOLD", "-1"),
            ("BREAKER_SCOPE", "request"),
            ("BREAKER_TRIAL_LEASE", "0"),
            ("BREAKER_TRIAL_LEASE", "2.9"),
            ("RETRY_MAX_ATTEMPTS", "0"),
            ("RETRY_BASE_DELAY", "0"),
            ("RETRY_BASE_DELAY", "-1"),
            ("RETRY_MULTIPLIER", "0.9"),
            ("RETRY_MULTIPLIER", "inf"),
            ("RETRY_MAX_DELAY", "0.5"),
            ("RETRY_JITTER", "1.1"),
            ("ATTEMPT_TIMEOUT", "0"),
            ("CONNECT_TIMEOUT", "0"),
            ("CONNECT_TIMEOUT", "3.1"),
            ("CONNECT_RETRIES", "101"),
            ("CALL_DEADLINE", "2"),
            ("MAX_CALLS", "0"),
            ("MAX_RESPONSE_BYTES", "0"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{variable}={value:?} ")), "{error}");
        }
    }
}
