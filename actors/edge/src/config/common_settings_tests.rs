use resilience_testing::settings::assert_each_is_named;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<CommonSettings, String> {
    let mut settings = Settings::from_pairs(variables);
    CommonSettings::read(&mut settings, 5000).map_err(|error| error.to_string())
}

#[test]
fn unset_variables_take_the_documented_defaults() {
    let common = read(&[]).unwrap();
    assert_eq!(common.host.to_string(), "0.0.0.0");
    assert_eq!(common.port, 5000);
    assert!(common.workers >= 1);
    assert_eq!(common.max_connections, Limit { value: 10_000, chosen: false });
    assert_eq!(common.rust_log, "info");
    assert_eq!(common.log_format, LogFormat::Text);
    assert!(common.admin_token.is_none());
    assert_eq!(common.shutdown_timeout, Duration::from_secs(35));
}

#[test]
fn every_variable_is_read() {
    let common = read(&[
        ("HOST", "::1"),
        ("PORT", "0"),
        ("WORKERS", "3"),
        ("MAX_CONNECTIONS", "7"),
        ("RUST_LOG", "warn,backend_service=debug"),
        ("LOG_FORMAT", "json"),
        ("ADMIN_TOKEN", "s3cret"),
        ("SHUTDOWN_TIMEOUT", "0.5"),
    ])
    .unwrap();
    assert_eq!(common.host.to_string(), "::1");
    assert_eq!((common.port, common.workers), (0, 3));
    assert_eq!(common.max_connections, Limit { value: 7, chosen: true });
    assert_eq!(common.log_format, LogFormat::Json);
    assert!(common.admin_token.unwrap().matches("s3cret"));
    assert_eq!(common.shutdown_timeout, Duration::from_millis(500));
}

#[test]
fn an_invalid_value_is_named_in_the_error() {
    let bad = [
        ("HOST", "localhost"),
        ("HOST", ""),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("WORKERS", "0"),
        ("WORKERS", "1025"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_CONNECTIONS", "1000001"),
        ("RUST_LOG", "info,backend=loud"),
        ("RUST_LOG", "inof"),
        ("RUST_LOG", "client_service"),
        ("RUST_LOG", "info,,warn"),
        ("LOG_FORMAT", "xml"),
        ("SHUTDOWN_TIMEOUT", "3601"),
        ("SHUTDOWN_TIMEOUT", "forever"),
    ];
    assert_each_is_named(read, &bad);
}

#[test]
fn an_invalid_token_is_named_but_not_shown() {
    let error = read(&[("ADMIN_TOKEN", "hunter 2")]).unwrap_err();
    assert!(error.starts_with("ADMIN_TOKEN="), "{error}");
    assert!(!error.contains("hunter"), "{error}");
}
