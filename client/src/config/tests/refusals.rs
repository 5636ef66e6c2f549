//! Values that are refused, and what the errors say.

use resilience_testing::settings::{assert_each_is_named, assert_hints};

use super::read;

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
