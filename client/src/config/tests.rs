use std::time::Duration;

use resilience_actors::{
    Backoff, BreakerConfig, BreakerScope, BreakerSettings, JitterMode, Retry, RetryBudget, Window,
};
use resilience_testing::settings::{assert_each_is_named, assert_hints};

use super::*;

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
fn contradictions_name_both_variables() {
    for (variable, value, says) in [
        ("RETRY_BASE_DELAY", "11", "RETRY_MAX_DELAY=\"10\""),
        ("ATTEMPT_TIMEOUT", "31", "CALL_DEADLINE=\"30\""),
        ("ATTEMPT_TIMEOUT", "6", "BREAKER_TRIAL_LEASE=\"5\""),
        ("ATTEMPT_TIMEOUT", "0.5", "CONNECT_TIMEOUT=\"1\""),
        ("BREAKER_MIN_CALLS", "101", "BREAKER_WINDOW=\"100\""),
    ] {
        let error = read(&[(variable, value)]).unwrap_err();
        assert!(error.starts_with(says), "{error}");
        assert!(error.contains(&format!("{variable}={value}")), "{error}");
    }
    let rate = [("RATE_LIMIT", "1/s"), ("RATE_WAIT", "31")];
    let says = "RATE_WAIT=\"31\" is not valid: expected no more, with the attempt timeout and other waits, than CALL_DEADLINE=30";
    assert_eq!(read(&rate).unwrap_err(), says);
    let chaos = [("ADMIN_TOKEN", "t"), ("CHAOS_FAILURE_RATE", "0.8"), ("CHAOS_PANIC_RATE", "0.5")];
    let says = "CHAOS_PANIC_RATE=\"0.5\" is not valid: expected at most 0.2, so that the shares sum to at most 1, with \
                CHAOS_FAILURE_RATE=0.8";
    assert_eq!(read(&chaos).unwrap_err(), says);
    let slow = [("BREAKER_SLOW_RATE", "0.5"), ("BREAKER_SLOW_CALL", "3")];
    let says = "BREAKER_SLOW_CALL=\"3\" is not valid: expected less than ATTEMPT_TIMEOUT=3";
    assert_eq!(read(&slow).unwrap_err(), says);
}

#[test]
fn an_invalid_value_is_named_in_the_error() {
    let bad = [
        ("BACKEND_URL", ""),
        ("BACKEND_URL", "backend:5000"),
        ("BACKEND_URL", "ftp://backend:5000"),
        ("BACKEND_URL", "https://back..end"),
        ("BACKEND_CA_FILE", "/roots.pem"),
        ("BACKEND_CLIENT_CERT_FILE", "/client.pem"),
        ("BACKEND_CLIENT_KEY_FILE", "/client.key"),
        ("BACKEND_SERVER_NAME", "backend"),
        ("BACKEND_URL", "http://backend:5000/api"),
        ("BACKEND_URL", "http://backend:5000?x=1"),
        ("BACKEND_URL", "http://backend:65536"),
        ("BACKEND_URL", "http://backend:0"),
        ("BACKEND_URL", "http://backend:"),
        ("BACKEND_URL", "http://:5000"),
        ("BREAKER_FAIL_MAX", "0"),
        ("BREAKER_FAIL_MAX", "five"),
        ("BREAKER_STREAK_MAX_AGE", "0"),
        ("BREAKER_FAILURE_RATE", "50%"),
        ("BREAKER_FAILURES", "0"),
        ("BREAKER_SLOW_RATE", "0"),
        ("BREAKER_SLOW_CALL", "0.5s"),
        ("BREAKER_WINDOW", "60 s"),
        ("BREAKER_MIN_CALLS", "0"),
        ("BREAKER_RESET_TIMEOUT", "0"),
        ("BREAKER_RESET_TIMEOUT", "30s"),
        ("BREAKER_RESET_BACKOFF", "0.5"),
        ("BREAKER_RESET_MAX", "29"),
        ("BREAKER_HALF_OPEN_MAX_CALLS", "0"),
        ("BREAKER_SUCCESS_THRESHOLD", "-1"),
        ("BREAKER_SCOPE", "request"),
        ("BREAKER_TRIAL_LEASE", "0"),
        ("BREAKER_TRIAL_LEASE", "2.9"),
        ("BREAKER_PROBE", "health"),
        ("BREAKER_PROBE_INTERVAL", "0"),
        ("BREAKER_PROBE_SUCCESSES", "0"),
        ("RETRY_MAX_ATTEMPTS", "0"),
        ("RETRY_BASE_DELAY", "0"),
        ("RETRY_BASE_DELAY", "-1"),
        ("RETRY_BACKOFF", "quadratic"),
        ("RETRY_MULTIPLIER", "0.9"),
        ("RETRY_MULTIPLIER", "inf"),
        ("RETRY_MAX_DELAY", "0.5"),
        ("RETRY_JITTER", "1.1"),
        ("RETRY_JITTER_MODE", "none"),
        ("RETRY_AFTER_SCOPE", "all"),
        ("RETRY_AFTER_MAX", "0"),
        ("ATTEMPT_TIMEOUT", "0"),
        ("CONNECT_TIMEOUT", "0"),
        ("CONNECT_TIMEOUT", "3.1"),
        ("CONNECT_RETRIES", "101"),
        ("CALL_DEADLINE", "2"),
        ("MAX_CALLS", "0"),
        ("MAX_RESPONSE_BYTES", "0"),
        ("MAX_EVENT_STREAMS", "-1"),
        ("BACKEND_FAULTS_HOST", ""),
        ("BACKEND_FAULTS_HOST", "http://pods"),
    ];
    assert_each_is_named(read, &bad);
}

#[test]
fn malformed_and_out_of_range_values_get_the_same_error_with_the_range() {
    let seconds = "a number of seconds, more than 0 and at most 2592000, without a unit";
    let share = "a number more than 0 and at most 1";
    let variables: &[(&str, &[&str], &str)] = &[
        ("HOST", &["localhost", "1.2.3.256"], "an IP address, such as 0.0.0.0 or ::1"),
        ("PORT", &["-1", "65536"], "a whole number from 0 to 65535"),
        ("LOG_FORMAT", &["Text"], "text or json"),
        (
            "RUST_LOG",
            &["info,client=loud"],
            "off, error, warn, info, debug or trace, or target=level, separated by commas",
        ),
        (
            "BACKEND_URL",
            &["http://backend:65536", "https://backend:0", "ftp://backend"],
            "http:// or https:// with host or host:port, without user, path or query",
        ),
        ("BACKEND_FAULTS_HOST", &["pods:65536", "http://pods"], "a host, or host:port"),
        ("WORKERS", &["0", "1025"], "a whole number from 1 to 1024"),
        ("MAX_CONNECTIONS", &["0", "1000001"], "a whole number from 1 to 1000000"),
        ("SHUTDOWN_TIMEOUT", &["3600.1"], "a number of seconds from 0 to 3600, without a unit"),
        ("BREAKER_FAIL_MAX", &["-1", "1000001"], "a whole number from 0 to 1000000"),
        ("BREAKER_STREAK_MAX_AGE", &["0", "2592000.1"], seconds),
        ("BREAKER_FAILURE_RATE", &["0", "1.1", "NaN"], share),
        ("BREAKER_FAILURES", &["0", "1000001"], "a whole number from 1 to 1000000"),
        ("BREAKER_SLOW_RATE", &["0", "1.1", "NaN"], share),
        ("BREAKER_SLOW_CALL", &["0", "2592000.1"], seconds),
        (
            "BREAKER_WINDOW",
            &["0", "100001", "0s", "0.09s", "86401s", "1e3s", "-1s", "s", "100ms", "60.5"],
            "a whole number of calls from 1 to 100000, or seconds from 0.1s to 86400s",
        ),
        ("BREAKER_MIN_CALLS", &["0", "1000001"], "a whole number from 1 to 1000000"),
        ("BREAKER_RESET_TIMEOUT", &["0", "2592000.1"], seconds),
        ("BREAKER_RESET_BACKOFF", &["0.9", "100.1", "inf"], "a number from 1 to 100"),
        ("BREAKER_RESET_MAX", &["0", "2592000.1"], seconds),
        ("BREAKER_HALF_OPEN_MAX_CALLS", &["0", "10001"], "a whole number from 1 to 10000"),
        ("BREAKER_SUCCESS_THRESHOLD", &["0", "10001"], "a whole number from 1 to 10000"),
        ("BREAKER_SCOPE", &["Call"], "call or attempt"),
        ("BREAKER_TRIAL_LEASE", &["0", "2592000.1"], seconds),
        (
            "BREAKER_PROBE",
            &["//host/health", "http://host/"],
            "a path such as /health, without a host",
        ),
        ("BREAKER_PROBE_INTERVAL", &["0", "2592000.1"], seconds),
        ("BREAKER_PROBE_SUCCESSES", &["0", "1001"], "a whole number from 1 to 1000"),
        ("RETRY_MAX_ATTEMPTS", &["0", "10001"], "a whole number from 1 to 10000"),
        ("RETRY_BASE_DELAY", &["0", "2592000.1"], seconds),
        ("RETRY_BACKOFF", &["Linear"], "exponential or linear or constant"),
        ("RETRY_MULTIPLIER", &["0.9", "1000.1", "inf"], "a number from 1 to 1000"),
        ("RETRY_MAX_DELAY", &["0", "2592000.1"], seconds),
        ("RETRY_JITTER", &["-0.1", "1.1"], "a number from 0 to 1"),
        ("RETRY_BUDGET", &["-0.1", "1.1"], "a number from 0 to 1"),
        ("RETRY_BUDGET_MIN", &["-1", "1000001"], "a number from 0 to 1000000"),
        ("RETRY_JITTER_MODE", &["equal"], "proportional or full or decorrelated"),
        ("RETRY_AFTER_SCOPE", &["Upstream"], "call or upstream"),
        ("RETRY_AFTER_MAX", &["0", "2592000.1"], seconds),
        ("ATTEMPT_TIMEOUT", &["0", "2592000.1"], seconds),
        ("CONNECT_TIMEOUT", &["0", "2592000.1"], seconds),
        ("POOL_MAX_AGE", &["0", "2592000.1"], seconds),
        ("POOL_IDLE_TIMEOUT", &["0", "2592000.1"], seconds),
        ("CONNECT_RETRIES", &["-1", "101"], "a whole number from 0 to 100"),
        ("CALL_DEADLINE", &["0", "2592000.1"], seconds),
        ("MAX_CALLS", &["0", "10000001"], "a whole number from 1 to 10000000"),
        ("MAX_RESPONSE_BYTES", &["0", "1073741825"], "a whole number from 1 to 1073741824"),
        ("MAX_EVENT_STREAMS", &["-1", "1000001"], "a whole number from 0 to 1000000"),
    ];
    assert_hints(read, variables);
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
