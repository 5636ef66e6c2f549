//! The backend's settings.

use std::time::Duration;

use service_edge::{CommonSettings, SettingError, Settings};

use crate::{
    answer::Answers,
    plan::{FaultPlan, MAX_SLOW_RESPONSE_DELAY, PlanError, PlanSpec},
};

/// `PORT`, if it is not set.
pub const DEFAULT_PORT: u16 = 5000;

/// Everything that the backend is told at its start, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// What both services are told.
    pub common: CommonSettings,
    /// The fault plan to start with.
    pub plan: FaultPlan,
    /// `FAULT_SEED`: makes the draws repeat.
    pub fault_seed: Option<u64>,
    /// `HOSTNAME` and `TRANSIENT_RETRY_AFTER`.
    pub answers: Answers,
    /// All settings as they took effect, in one line, without the token.
    pub summary: String,
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    ///
    /// The first variable whose value cannot be used, alone or beside another's.
    pub fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let common = CommonSettings::read(settings, DEFAULT_PORT)?;
        let spec = PlanSpec {
            failure_rate: settings.number("FAILURE_RATE", 0.3)?,
            slow_response_rate: settings.number("SLOW_RESPONSE_RATE", 0.2)?,
            slow_response_delay: settings
                .seconds("SLOW_RESPONSE_DELAY", Duration::from_secs(5))?
                .as_secs_f64(),
            transient_failure_rate: settings.number("TRANSIENT_FAILURE_RATE", 0.6)?,
            sequence: None,
            repeat: false,
        };
        let plan = FaultPlan::try_from(spec).map_err(|error| setting_error(&error))?;
        let transient_retry_after = settings.optional_seconds("TRANSIENT_RETRY_AFTER")?;
        let fault_seed = settings.optional_integer("FAULT_SEED", 0..=u64::MAX)?;
        let pod = settings.pod();
        Ok(Self {
            common,
            plan,
            fault_seed,
            answers: Answers { pod, transient_retry_after },
            summary: settings.summary(),
        })
    }
}

/// The plan's fields have the names of their variables, in lower case.
fn setting_error(error: &PlanError) -> SettingError {
    match *error {
        PlanError::Rate { field, value } => {
            SettingError::new(field.to_uppercase(), value.to_string(), "a number from 0 to 1")
        }
        PlanError::Delay { value } => SettingError::new(
            "SLOW_RESPONSE_DELAY",
            value.to_string(),
            format!("a number of seconds from 0 to {MAX_SLOW_RESPONSE_DELAY}"),
        ),
        PlanError::Sum { failure, slow } => SettingError::new(
            "SLOW_RESPONSE_RATE",
            slow.to_string(),
            format!("at most what FAILURE_RATE={failure} leaves of 1"),
        ),
        // The environment has neither; said all the same, rather than assumed.
        PlanError::Sequence { .. } | PlanError::RepeatOfNothing => {
            SettingError::new("sequence", error.to_string(), "none")
        }
    }
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
    fn everything_set_is_used_and_shown_except_for_the_token() {
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
    fn each_bad_value_is_named() {
        for (variable, value) in [
            ("FAILURE_RATE", "1.1"),
            ("SLOW_RESPONSE_RATE", "-0.1"),
            ("SLOW_RESPONSE_DELAY", "3601"),
            ("TRANSIENT_FAILURE_RATE", "60"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{variable}={value:?} ")), "{error}");
        }
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
    fn strange_hostname_does_not_stop_the_start() {
        assert_eq!(read(&[("HOSTNAME", "")]).unwrap().answers.pod, "local");
    }
}
