use std::time::Duration;

use resilience_actors::{
    Backoff, BreakerConfig, BreakerScope, BreakerSettings, JitterMode, Retry, RetryBudget, Window,
};

use super::*;
use crate::policy_settings::{BACKEND_SETTINGS, Calls};

mod refusals;

fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
    let mut settings = Settings::from_pairs(variables);
    Config::read(&mut settings).map_err(|error| error.to_string())
}

#[test]
fn unset_variables_take_the_documented_defaults() {
    let config = read(&[]).unwrap();
    assert_eq!(config.common.port, 8000);
    assert_eq!(config.backend.join("/api/data"), "http://backend-service:5000/api/data");
    let policies = config.policies.load();
    assert_eq!((&policies.breaker, &policies.probe), (&BreakerConfig::default(), &None));
    let calls = Calls {
        retry: Retry::default(),
        retry_budget: None,
        attempt_timeout: Duration::from_secs(3),
        call_deadline: Duration::from_secs(30),
        connect_retries: 2,
        scope: BreakerScope::Call,
        throttle: None,
        rate: None,
        concurrency: None,
        priority_header: None,
        hedge: None,
        quiet_period: None,
        chaos: None,
    };
    assert_eq!(policies.calls, calls);
    assert_eq!(config.connections.connect_timeout, Duration::from_secs(1));
    assert_eq!((config.max_calls.value, config.max_response_bytes), (10_000, 1_048_576));
    assert_eq!((config.max_event_streams, config.pod.as_str()), (2_000, "local"));
    assert_eq!(config.replicas, ReplicaHosts::new(None, &config.backend).unwrap());
}

#[test]
fn every_variable_is_read() {
    let config = read(&[
        ("BACKEND_URL", "http://[::1]:5001/"),
        ("BREAKER_FAIL_MAX", "3"),
        ("BREAKER_STREAK_MAX_AGE", "60"),
        ("BREAKER_FAILURE_RATE", "0.5"),
        ("BREAKER_FAILURES", "30"),
        ("BREAKER_SLOW_RATE", "0.8"),
        ("BREAKER_SLOW_CALL", "0.25"),
        ("BREAKER_WINDOW", "60s"),
        ("BREAKER_MIN_CALLS", "10"),
        ("BREAKER_RESET_TIMEOUT", "2.5"),
        ("BREAKER_RESET_BACKOFF", "2"),
        ("BREAKER_RESET_MAX", "20"),
        ("BREAKER_HALF_OPEN_MAX_CALLS", "4"),
        ("BREAKER_SUCCESS_THRESHOLD", "2"),
        ("BREAKER_SCOPE", "attempt"),
        ("BREAKER_PROBE", "/health"),
        ("BREAKER_TRIAL_LEASE", "0.7"),
        ("RETRY_MAX_ATTEMPTS", "6"),
        ("RETRY_BASE_DELAY", "0.1"),
        ("RETRY_BACKOFF", "linear"),
        ("RETRY_MULTIPLIER", "2"),
        ("RETRY_MAX_DELAY", "5"),
        ("RETRY_JITTER", "0"),
        ("RETRY_JITTER_MODE", "full"),
        ("RETRY_BUDGET", "0.3"),
        ("RETRY_BUDGET_MIN", "2"),
        ("ATTEMPT_TIMEOUT", "0.5"),
        ("CONNECT_TIMEOUT", "0.2"),
        ("CONNECT_RETRIES", "0"),
        ("CALL_DEADLINE", "9"),
        ("MAX_CALLS", "7"),
        ("MAX_RESPONSE_BYTES", "1000"),
        ("MAX_EVENT_STREAMS", "0"),
        ("BACKEND_FAULTS_HOST", "pods:5002"),
        ("HOSTNAME", "client-0"),
    ])
    .unwrap();
    assert_eq!(config.backend.join("/x"), "http://[::1]:5001/x");
    let breaker = BreakerSettings {
        fail_max: 3,
        streak_max_age: Some(Duration::from_secs(60)),
        failure_rate: Some(0.5),
        failures: Some(30),
        window: Window::Time(Duration::from_secs(60)),
        min_calls: 10,
        slow_call: Some(Duration::from_millis(250)),
        slow_rate: Some(0.8),
        reset_timeout: Duration::from_millis(2500),
        reset_backoff: 2.0,
        reset_max: Duration::from_secs(20),
        half_open_max_calls: 4,
        success_threshold: 2,
        trial_lease: Duration::from_millis(700),
    };
    let policies = config.policies.load();
    assert_eq!(*policies.breaker, breaker);
    let retry = Retry {
        max_attempts: 6,
        base_delay: Duration::from_millis(100),
        backoff: Backoff::Linear,
        multiplier: 2.0,
        max_delay: Duration::from_secs(5),
        jitter: 0.0,
        jitter_mode: JitterMode::Full,
    };
    let calls = Calls {
        retry,
        retry_budget: Some(RetryBudget::share(0.3).min_per_second(2.0)),
        attempt_timeout: Duration::from_millis(500),
        call_deadline: Duration::from_secs(9),
        connect_retries: 0,
        scope: BreakerScope::Attempt,
        ..Config::read(&mut Settings::from_pairs(&[])).unwrap().policies.load().calls.clone()
    };
    assert_eq!(policies.calls, calls);
    let timeout = policies.probe.as_ref().map(|probe| probe.probe.probe_timeout);
    assert_eq!(timeout, Some(calls.attempt_timeout), "a probe has the time of an attempt");
    assert_eq!(config.connections.connect_timeout, Duration::from_millis(200));
    assert_eq!((config.max_calls.value, config.max_response_bytes), (7, 1000));
    assert_eq!((config.max_event_streams, config.pod.as_str()), (0, "client-0"));
    let replicas = ReplicaHosts::new(Some("pods:5002".to_owned()), &config.backend);
    assert_eq!(config.replicas, replicas.unwrap());
}

#[test]
fn near_misses_are_reported_except_settings_of_the_backend() {
    let backends: Vec<_> = BACKEND_SETTINGS.iter().map(|name| (*name, "1")).collect();
    assert!(read(&backends).unwrap().near_misses.is_empty());
    let config = read(&[
        ("BREAKER_FAIL_MAXX", "hunter2"),
        ("BREAKER_FAILURE_RAET", "1"),
        ("BREAKER_SLOWCALL", "1"),
        ("MAX_CALL", "1"),
        ("call_deadline", "1"),
        ("FAULT_SEEED", "1"),
        ("BACKEND_SERVICE_HOST", "10.0.0.1"),
        ("BACKEND_PORT", "tcp://10.0.0.1:5000"),
        ("CLIENT_PORT", "30080"),
        ("RESTART_DELAY", "10"),
        ("STARTUP_TIMEOUT", "30"),
    ]);
    let expected = [
        "BREAKER_FAILURE_RAET is not a setting: did you mean BREAKER_FAILURE_RATE?",
        "BREAKER_FAIL_MAXX is not a setting: did you mean BREAKER_FAIL_MAX?",
        "BREAKER_SLOWCALL is not a setting: did you mean BREAKER_SLOW_CALL?",
        "MAX_CALL is not a setting: did you mean MAX_CALLS?",
        "call_deadline is not a setting: did you mean CALL_DEADLINE?",
    ];
    assert_eq!(config.unwrap().near_misses, expected);
}
