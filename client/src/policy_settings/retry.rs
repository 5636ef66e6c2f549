//! `RETRY_*`.

use resilience_actors::{Backoff, DURATIONS, JitterMode, Retry};
use service_edge::{SettingError, Settings};

const BACKOFFS: [(&str, Backoff); 3] = [
    ("exponential", Backoff::Exponential),
    ("linear", Backoff::Linear),
    ("constant", Backoff::Constant),
];

const JITTER_MODES: [(&str, JitterMode); 3] = [
    ("proportional", JitterMode::Proportional),
    ("full", JitterMode::Full),
    ("decorrelated", JitterMode::Decorrelated),
];

/// Reads how calls are retried. The caller checks the values against each other.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Retry, SettingError> {
    let default = Retry::default();
    Ok(Retry {
        max_attempts: settings.integer(
            "RETRY_MAX_ATTEMPTS",
            default.max_attempts,
            Retry::MAX_ATTEMPTS,
        )?,
        base_delay: settings.seconds("RETRY_BASE_DELAY", default.base_delay, DURATIONS)?,
        backoff: settings.choice("RETRY_BACKOFF", "exponential", &BACKOFFS)?,
        multiplier: settings.number("RETRY_MULTIPLIER", default.multiplier, Retry::MULTIPLIER)?,
        max_delay: settings.seconds("RETRY_MAX_DELAY", default.max_delay, DURATIONS)?,
        jitter: settings.number("RETRY_JITTER", default.jitter, Retry::JITTER)?,
        jitter_mode: settings.choice("RETRY_JITTER_MODE", "proportional", &JITTER_MODES)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_settings::calls;

    fn read(variables: &[(&str, &str)]) -> Result<Retry, String> {
        let calls = calls::read(&mut Settings::from_pairs(variables));
        calls.map(|calls| calls.retry).map_err(|error| error.to_string())
    }

    #[test]
    fn each_backoff_and_each_mode_of_jitter_has_its_name() {
        for (name, backoff) in BACKOFFS {
            assert_eq!(read(&[("RETRY_BACKOFF", name)]).unwrap().backoff, backoff);
        }
        for (name, mode) in JITTER_MODES {
            assert_eq!(read(&[("RETRY_JITTER_MODE", name)]).unwrap().jitter_mode, mode);
        }
    }

    #[test]
    fn a_setting_without_effect_names_the_variable_that_takes_it() {
        let (decorrelated, multiplier) =
            (("RETRY_JITTER_MODE", "decorrelated"), ("RETRY_MULTIPLIER", "3"));
        for (variables, says) in [
            (
                [decorrelated, ("RETRY_BACKOFF", "linear")],
                "RETRY_JITTER_MODE=\"decorrelated\" is not valid: expected proportional or full with \
                 RETRY_BACKOFF=linear",
            ),
            (
                [multiplier, ("RETRY_BACKOFF", "constant")],
                "RETRY_MULTIPLIER=\"3\" is not valid: expected 2 with RETRY_BACKOFF=constant",
            ),
            (
                [multiplier, decorrelated],
                "RETRY_MULTIPLIER=\"3\" is not valid: expected 2 with RETRY_JITTER_MODE=decorrelated",
            ),
        ] {
            assert_eq!(read(&variables).unwrap_err(), says);
        }
    }
}
