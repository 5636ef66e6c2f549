//! Which settings are valid, and how they are read.

use std::time::Duration;

use super::config::{BreakerConfig, BreakerSettings, Window};

#[test]
fn defaults_are_valid() {
    assert_eq!(BreakerConfig::try_from(BreakerSettings::default()), Ok(BreakerConfig::default()));
}

#[test]
fn an_out_of_range_setting_is_named_in_the_error() {
    let default = BreakerSettings::default;
    let zero = Some(Duration::ZERO);
    let rate = || BreakerSettings { failure_rate: Some(0.5), ..default() };
    let bad = [
        ("fail_max", BreakerSettings { fail_max: 0, ..default() }),
        ("fail_max", BreakerSettings { fail_max: 1_000_001, ..default() }),
        ("streak_max_age", BreakerSettings { streak_max_age: zero, ..default() }),
        ("failure_rate", BreakerSettings { failure_rate: Some(0.0), ..default() }),
        ("failure_rate", BreakerSettings { failure_rate: Some(1.1), ..default() }),
        ("failure_rate", BreakerSettings { failure_rate: Some(f64::NAN), ..default() }),
        ("slow_rate", BreakerSettings { slow_rate: Some(2.0), slow_call: zero, ..default() }),
        ("slow_call", BreakerSettings { slow_rate: Some(0.5), slow_call: zero, ..default() }),
        ("slow_rate", BreakerSettings { slow_rate: Some(0.5), ..default() }),
        ("slow_call", BreakerSettings { slow_call: Some(crate::MAX_DURATION), ..default() }),
        ("window", BreakerSettings { window: Window::Calls(0), ..rate() }),
        ("window", BreakerSettings { window: Window::Calls(19), ..rate() }),
        ("window", BreakerSettings { window: Window::Time(Duration::ZERO), ..rate() }),
        ("window", BreakerSettings { window: Window::Time(Duration::MAX), ..rate() }),
        ("min_calls", BreakerSettings { min_calls: 0, ..rate() }),
        ("reset_timeout", BreakerSettings { reset_timeout: Duration::ZERO, ..default() }),
        ("reset_timeout", BreakerSettings { reset_timeout: Duration::MAX, ..default() }),
        ("reset_backoff", BreakerSettings { reset_backoff: 0.9, ..default() }),
        ("reset_max", BreakerSettings { reset_max: Duration::from_secs(29), ..default() }),
        ("half_open_max_calls", BreakerSettings { half_open_max_calls: 0, ..default() }),
        ("success_threshold", BreakerSettings { success_threshold: 0, ..default() }),
        ("trial_lease", BreakerSettings { trial_lease: Duration::ZERO, ..default() }),
    ];
    for (field, settings) in bad {
        let error = BreakerConfig::try_from(settings).unwrap_err();
        assert_eq!(error.field, field);
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[test]
fn contradicting_settings_are_both_named_in_the_error() {
    let default = BreakerSettings::default;
    for (settings, sentence) in [
        (
            BreakerSettings { fail_max: 0, ..default() },
            "fail_max = 0 is not valid: expected failure_rate or failures or slow_rate to be set",
        ),
        (
            BreakerSettings { slow_rate: Some(0.5), ..default() },
            "slow_rate = 0.5 is not valid: expected slow_call to be set",
        ),
        (
            BreakerSettings { window: Window::Calls(10), ..default() },
            "window = 10 is not valid: expected no less than min_calls = 20",
        ),
    ] {
        assert_eq!(BreakerConfig::try_from(settings).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn deserialized_durations_are_seconds_and_settings_are_validated() {
    let read = serde_json::from_str::<BreakerConfig>;
    assert_eq!(read("{}").unwrap(), BreakerConfig::default());
    let json = r#"{"fail_max": 0, "failure_rate": 0.5, "window": {"seconds": 60.0},
        "slow_rate": 0.3, "slow_call": 0.5, "streak_max_age": null, "reset_timeout": 1.5}"#;
    let config = read(json).unwrap();
    assert_eq!(config.window, Window::Time(Duration::from_secs(60)));
    assert_eq!(config.slow_call, Some(Duration::from_millis(500)));
    assert_eq!(config.reset_timeout, Duration::from_millis(1500));
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(read(&written).unwrap(), config, "what is written can be read");
    for (bad, part) in [
        (r#"{"fail_maxx": 1}"#, "fail_maxx"),
        (r#"{"trial_lease": -1}"#, "-1 is not valid"),
        (r#"{"window": {"calls": 0}}"#, "window = 0"),
        (r#"{"fail_max": 0}"#, "failure_rate or failures or slow_rate"),
    ] {
        let error = read(bad).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
