//! The settings `BREAKER_*`, except `BREAKER_SCOPE`, which is a setting of calls.

use std::time::Duration;

use resilience_actors::{BreakerConfig, BreakerSettings, DURATIONS, Window};
use service_edge::{SettingError, Settings, decimal};

use super::names::named;

/// Reads the settings of the circuit breaker.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<BreakerConfig, SettingError> {
    let default = BreakerSettings::default();
    let fail_max =
        settings.integer("BREAKER_FAIL_MAX", default.fail_max, BreakerSettings::FAIL_MAX)?;
    let streak_max_age = settings.optional_seconds("BREAKER_STREAK_MAX_AGE", DURATIONS)?;
    let failure_rate = settings.optional_number("BREAKER_FAILURE_RATE", BreakerSettings::SHARES)?;
    let failures = settings.optional_integer("BREAKER_FAILURES", BreakerSettings::FAILURES)?;
    let slow_rate = settings.optional_number("BREAKER_SLOW_RATE", BreakerSettings::SHARES)?;
    let slow_call = settings.optional_seconds("BREAKER_SLOW_CALL", DURATIONS)?;
    let window = window(settings.text("BREAKER_WINDOW", "100")?)?;
    let min_calls =
        settings.integer("BREAKER_MIN_CALLS", default.min_calls, BreakerSettings::MIN_CALLS)?;
    let reset_timeout =
        settings.seconds("BREAKER_RESET_TIMEOUT", default.reset_timeout, DURATIONS)?;
    let reset_backoff = settings.number(
        "BREAKER_RESET_BACKOFF",
        default.reset_backoff,
        BreakerSettings::RESET_BACKOFF,
    )?;
    let reset_max = settings.seconds("BREAKER_RESET_MAX", default.reset_max, DURATIONS)?;
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
        streak_max_age,
        failure_rate,
        failures,
        window,
        min_calls,
        slow_call,
        slow_rate,
        reset_timeout,
        reset_backoff,
        reset_max,
        half_open_max_calls,
        success_threshold,
        trial_lease,
    })
    .map_err(named)
}

/// A number of calls, or a number of seconds with the unit `s`.
fn window(text: String) -> Result<Window, SettingError> {
    let window = match text.strip_suffix('s') {
        Some(seconds) => time(seconds).map(Window::Time),
        None => calls(&text).map(Window::Calls),
    };
    window.ok_or_else(|| {
        let (fewest, most) = BreakerSettings::WINDOW_CALLS.into_inner();
        let (shortest, longest) = BreakerSettings::WINDOW_TIME.into_inner();
        let (shortest, longest) = (shortest.as_secs_f64(), longest.as_secs_f64());
        let allowed = format!(
            "a whole number of calls from {fewest} to {most}, or seconds from {shortest}s to {longest}s"
        );
        SettingError::new("BREAKER_WINDOW", text, allowed)
    })
}

fn calls(text: &str) -> Option<u32> {
    text.parse().ok().filter(|calls| BreakerSettings::WINDOW_CALLS.contains(calls))
}

fn time(text: &str) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(decimal(text)?).ok()?;
    BreakerSettings::WINDOW_TIME.contains(&time).then_some(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<BreakerConfig, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn contradicting_trip_settings_name_both_variables() {
        for (variable, value, expected) in [
            (
                "FAIL_MAX",
                "0",
                "BREAKER_FAILURE_RATE or BREAKER_FAILURES or BREAKER_SLOW_RATE to be set",
            ),
            ("SLOW_RATE", "0.5", "BREAKER_SLOW_CALL to be set"),
            ("SLOW_CALL", "0.5", "BREAKER_SLOW_RATE to be set"),
            ("WINDOW", "10", "no less than BREAKER_MIN_CALLS=20"),
            ("RESET_MAX", "10", "no less than BREAKER_RESET_TIMEOUT=30"),
        ] {
            let variable = format!("BREAKER_{variable}");
            let sentence = format!("{variable}=\"{value}\" is not valid: expected {expected}");
            assert_eq!(read(&[(&variable, value)]).unwrap_err(), sentence);
        }
    }

    #[test]
    fn each_trip_may_be_the_only_one() {
        let only_rate = [("BREAKER_FAIL_MAX", "0"), ("BREAKER_FAILURE_RATE", "1")];
        assert_eq!(read(&only_rate).unwrap().failure_rate, Some(1.0));
        let only_slow = [
            ("BREAKER_FAIL_MAX", "0"),
            ("BREAKER_SLOW_RATE", "1"),
            ("BREAKER_SLOW_CALL", "2592000"),
        ];
        assert_eq!(read(&only_slow).unwrap().slow_call, Some(resilience_actors::MAX_DURATION));
    }

    #[test]
    fn a_window_is_a_number_of_calls_or_of_seconds() {
        for (value, expected) in [
            ("20", Window::Calls(20)),
            ("100000", Window::Calls(100_000)),
            ("0.1s", Window::Time(Duration::from_millis(100))),
            ("60s", Window::Time(Duration::from_secs(60))),
            ("86400s", Window::Time(Duration::from_secs(86_400))),
        ] {
            assert_eq!(read(&[("BREAKER_WINDOW", value)]).unwrap().window, expected);
        }
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn a_window_is_within_the_range_of_the_runtime_or_refused(
            value in prop_oneof![any::<String>(), "[-+]?[0-9]{0,7}([.][0-9]{0,4})?[ smh]?"]
        ) {
            let variables = [("BREAKER_WINDOW", value.as_str()), ("BREAKER_MIN_CALLS", "1")];
            match read(&variables).map(|config| config.window) {
                Ok(Window::Calls(calls)) => {
                    prop_assert_eq!(value.parse(), Ok(calls));
                    prop_assert!(BreakerSettings::WINDOW_CALLS.contains(&calls));
                }
                Ok(Window::Time(time)) => {
                    prop_assert!(value.ends_with('s'));
                    prop_assert!(BreakerSettings::WINDOW_TIME.contains(&time));
                }
                Err(error) => {
                    prop_assert!(error.starts_with("BREAKER_WINDOW=\""), "{}", error);
                    prop_assert!(!error.contains(char::is_control), "{}", error);
                }
            }
        }
    }
}
