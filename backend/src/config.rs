//! The backend's settings.

use std::time::Duration;

use service_edge::{CommonSettings, KnownNames, SettingError, Settings};

use crate::{
    answer::Answers,
    plan::{FaultPlan, MAX_SLOW_RESPONSE_DELAY, PlanError, PlanSpec},
    rate::RATES,
};

/// `PORT`, if it is not set.
pub const DEFAULT_PORT: u16 = 5000;

/// Maximum of `TRANSIENT_RETRY_AFTER`: about 115 days.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10_000_000);

/// The purpose of each setting that only the backend has, in Markdown.
pub const MEANINGS: [(&str, &str); 6] = [
    ("FAILURE_RATE", "Share of `/api/data` that fails with a 500."),
    ("SLOW_RESPONSE_RATE", "Share of `/api/data` that is slow. With `FAILURE_RATE` at most 1."),
    ("SLOW_RESPONSE_DELAY", "Time that a slow answer takes."),
    ("TRANSIENT_FAILURE_RATE", "Share of `/api/transient-failure` that is throttled with a 429."),
    ("TRANSIENT_RETRY_AFTER", "`Retry-After` of the 429s, rounded up to whole seconds."),
    ("FAULT_SEED", "Seed of the random draws. The same seed gives the same draws."),
];

/// Names of the client's settings, which may be set in the same environment.
pub const CLIENT_SETTINGS: [&str; 75] = [
    "BACKEND_URL",
    "BACKEND_CA_FILE",
    "BACKEND_CLIENT_CERT_FILE",
    "BACKEND_CLIENT_KEY_FILE",
    "BACKEND_SERVER_NAME",
    "BREAKER_FAIL_MAX",
    "BREAKER_STREAK_MAX_AGE",
    "BREAKER_FAILURE_RATE",
    "BREAKER_FAILURES",
    "BREAKER_SLOW_RATE",
    "BREAKER_SLOW_CALL",
    "BREAKER_WINDOW",
    "BREAKER_MIN_CALLS",
    "BREAKER_RESET_TIMEOUT",
    "BREAKER_RESET_BACKOFF",
    "BREAKER_RESET_MAX",
    "BREAKER_HALF_OPEN_MAX_CALLS",
    "BREAKER_SUCCESS_THRESHOLD",
    "BREAKER_PROBE",
    "BREAKER_PROBE_INTERVAL",
    "BREAKER_PROBE_SUCCESSES",
    "BREAKER_SCOPE",
    "BREAKER_TRIAL_LEASE",
    "RETRY_MAX_ATTEMPTS",
    "RETRY_BASE_DELAY",
    "RETRY_BACKOFF",
    "RETRY_MULTIPLIER",
    "RETRY_MAX_DELAY",
    "RETRY_JITTER",
    "RETRY_JITTER_MODE",
    "RETRY_BUDGET",
    "RETRY_BUDGET_MIN",
    "RETRY_AFTER_SCOPE",
    "RETRY_AFTER_MAX",
    "ATTEMPT_TIMEOUT",
    "CONNECT_TIMEOUT",
    "POOL_MAX_AGE",
    "POOL_IDLE_TIMEOUT",
    "THROTTLE",
    "THROTTLE_RATIO",
    "RATE_LIMIT",
    "RATE_BURST",
    "RATE_WAIT",
    "CONCURRENCY_MAX",
    "CONCURRENCY_FLOOR",
    "CONCURRENCY_CEILING",
    "CONCURRENCY_QUEUE",
    "CONCURRENCY_WAIT",
    "PRIORITY_HEADER",
    "HEDGE_AFTER",
    "HEDGE_MAX",
    "FALLBACK",
    "FALLBACK_MAX_AGE",
    "FALLBACK_MAX_BYTES",
    "COALESCE",
    "CHAOS_FAILURE_RATE",
    "CHAOS_DELAY_RATE",
    "CHAOS_DELAY",
    "CHAOS_PANIC_RATE",
    "CHAOS_SEED",
    "CONNECT_RETRIES",
    "CALL_DEADLINE",
    "MAX_CALLS",
    "MAX_RESPONSE_BYTES",
    "MAX_EVENT_STREAMS",
    "TRUSTED_PROXIES",
    "RETRY_BODY_BYTES",
    "REPLAY_BYTES",
    "MAX_STREAMS",
    "DNS_INTERVAL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER_ARG",
    "BACKEND_FAULTS_HOST",
    "CONFIG",
];

const KNOWN_NAMES: KnownNames<'_> = KnownNames {
    prefixes: &["SLOW_RESPONSE_", "TRANSIENT_", "FAULT_"],
    of_others: &CLIENT_SETTINGS,
};

/// All settings of the backend, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings that both services have.
    pub common: CommonSettings,
    /// The fault plan at the start.
    pub plan: FaultPlan,
    /// `FAULT_SEED`: processes with the same seed draw the same outcomes.
    pub fault_seed: Option<u64>,
    /// `HOSTNAME` and `TRANSIENT_RETRY_AFTER`.
    pub answers: Answers,
    /// All settings with their values, in one line, without the token.
    pub summary: String,
    /// One line for each variable that is probably meant to be a setting, but is none.
    pub near_misses: Vec<String>,
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    ///
    /// The first variable whose value is not valid or contradicts another variable.
    pub fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let common = CommonSettings::read(settings, DEFAULT_PORT)?;
        let delays = Duration::ZERO..=Duration::from_secs_f64(MAX_SLOW_RESPONSE_DELAY);
        let spec = PlanSpec {
            failure_rate: settings.number("FAILURE_RATE", 0.3, RATES)?,
            slow_response_rate: settings.number("SLOW_RESPONSE_RATE", 0.2, RATES)?,
            slow_response_delay: settings
                .seconds("SLOW_RESPONSE_DELAY", Duration::from_secs(5), delays)?
                .as_secs_f64(),
            transient_failure_rate: settings.number("TRANSIENT_FAILURE_RATE", 0.6, RATES)?,
            sequence: None,
            repeat: false,
        };
        let plan = FaultPlan::try_from(spec).map_err(|error| setting_error(&error))?;
        let transient_retry_after =
            settings.optional_seconds("TRANSIENT_RETRY_AFTER", Duration::ZERO..=MAX_RETRY_AFTER)?;
        let fault_seed = settings.optional_integer("FAULT_SEED", 0..=u64::MAX)?;
        let pod = settings.pod();
        Ok(Self {
            common,
            plan,
            fault_seed,
            answers: Answers { pod, transient_retry_after },
            summary: settings.summary(),
            near_misses: settings.near_misses(KNOWN_NAMES),
        })
    }
}

fn setting_error(error: &PlanError) -> SettingError {
    match *error {
        PlanError::Sum { failure, slow } => SettingError::new(
            "SLOW_RESPONSE_RATE",
            slow.to_string(),
            format!("at most what FAILURE_RATE={failure} leaves of 1"),
        ),
        // Not reached today: each value was checked before, and the environment has no sequence.
        _ => SettingError::new("the fault plan", error.to_string(), "none"),
    }
}

#[cfg(test)]
mod tests {
    use resilience_testing::settings::{assert_each_is_named, assert_hints};

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let mut settings = Settings::from_pairs(variables);
        Config::read(&mut settings).map_err(|error| error.to_string())
    }

    #[test]
    fn unset_variables_take_the_documented_defaults() {
        let config = read(&[]).unwrap();
        assert_eq!(config.common.port, 5000);
        assert_eq!(
            config.plan.to_string(),
            "failure_rate=0.3 slow_response_rate=0.2 slow_response_delay=5s \
             transient_failure_rate=0.6 sequence=none"
        );
        assert_eq!(config.fault_seed, None);
        assert_eq!(config.answers.pod, "local");
        assert_eq!(config.answers.transient_retry_after, None);
    }

    #[test]
    fn every_variable_is_read_and_shown_except_for_the_token() {
        let config = read(&[
            ("FAILURE_RATE", "1"),
            ("SLOW_RESPONSE_RATE", "0"),
            ("SLOW_RESPONSE_DELAY", "0.25"),
            ("TRANSIENT_FAILURE_RATE", "0.5"),
            ("TRANSIENT_RETRY_AFTER", "1.5"),
            ("FAULT_SEED", "42"),
            ("HOSTNAME", "backend-0"),
            ("ADMIN_TOKEN", "hunter2"),
        ])
        .unwrap();
        assert_eq!(config.plan.slow_response_delay(), Duration::from_millis(250));
        assert_eq!(config.answers.transient_retry_after, Some(Duration::from_millis(1500)));
        assert!(config.summary.ends_with(
            "FAILURE_RATE=1 SLOW_RESPONSE_RATE=0 SLOW_RESPONSE_DELAY=0.25 \
             TRANSIENT_FAILURE_RATE=0.5 TRANSIENT_RETRY_AFTER=1.5 FAULT_SEED=42 HOSTNAME=backend-0"
        ));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn an_invalid_value_is_named_in_the_error() {
        let bad = [
            ("FAILURE_RATE", "1.1"),
            ("SLOW_RESPONSE_RATE", "-0.1"),
            ("SLOW_RESPONSE_DELAY", "3601"),
            ("TRANSIENT_FAILURE_RATE", "60"),
        ];
        assert_each_is_named(read, &bad);
    }

    #[test]
    fn malformed_and_out_of_range_values_get_the_same_error_with_the_range() {
        let rate = "a number from 0 to 1";
        let delay = "a number of seconds from 0 to 3600, without a unit";
        let wait = "a number of seconds from 0 to 10000000, without a unit";
        let seed = "a whole number from 0 to 18446744073709551615";
        let variables: [(&str, &[&str], &str); 7] = [
            ("FAILURE_RATE", &["-0.1", "1.1"], rate),
            ("SLOW_RESPONSE_RATE", &["-0.1", "1.1"], rate),
            ("SLOW_RESPONSE_DELAY", &["-1", "3600.1"], delay),
            ("TRANSIENT_FAILURE_RATE", &["-0.1", "60"], rate),
            ("TRANSIENT_RETRY_AFTER", &["-1", "10000001"], wait),
            ("FAULT_SEED", &["-1", "18446744073709551616"], seed),
            ("SHUTDOWN_TIMEOUT", &["-1", "3600.1"], delay),
        ];
        assert_hints(read, &variables);
    }

    #[test]
    fn near_misses_are_reported_except_settings_of_the_client() {
        let clients: Vec<_> = CLIENT_SETTINGS.iter().map(|name| (*name, "1")).collect();
        assert!(read(&clients).unwrap().near_misses.is_empty());
        let config = read(&[
            ("FAILURE_RAET", "hunter2"),
            ("SLOW_RESPONSE_TIME", "1"),
            ("BREAKER_FAIL_MAXX", "1"),
            ("BACKEND_SERVICE_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
        ]);
        let expected = [
            "FAILURE_RAET is not a setting: did you mean FAILURE_RATE?",
            "SLOW_RESPONSE_TIME is not a setting: did you mean SLOW_RESPONSE_RATE?",
        ];
        assert_eq!(config.unwrap().near_misses, expected);
    }

    #[test]
    fn rates_that_add_up_to_more_than_one_name_both_variables() {
        let error = read(&[("FAILURE_RATE", "0.9")]).unwrap_err();
        assert_eq!(
            error,
            "SLOW_RESPONSE_RATE=\"0.2\" is not valid: expected at most what FAILURE_RATE=0.9 leaves of 1"
        );
    }

    #[test]
    fn an_invalid_hostname_does_not_stop_the_start() {
        assert_eq!(read(&[("HOSTNAME", "")]).unwrap().answers.pod, "local");
    }
}
