//! `RETRY_AFTER_SCOPE` and `RETRY_AFTER_MAX`.

use resilience_actors::{DURATIONS, QuietPeriod};
use service_edge::{SettingError, Settings};

use super::names::needs;

/// Reads which calls a `Retry-After` of the backend is for. `None`: only for the call that got it.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<QuietPeriod>, SettingError> {
    let scopes = [("call", false), ("upstream", true)];
    let of_upstream = settings.choice("RETRY_AFTER_SCOPE", "call", &scopes)?;
    let max = settings.optional_seconds("RETRY_AFTER_MAX", DURATIONS)?;
    if !of_upstream {
        let seconds = max.map(|max| max.as_secs_f64());
        needs("RETRY_AFTER_MAX", seconds, "RETRY_AFTER_SCOPE=upstream")?;
        return Ok(None);
    }
    Ok(Some(max.map_or_else(QuietPeriod::default, QuietPeriod::up_to)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<QuietPeriod>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_scope_turns_quiet_periods_on() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("RETRY_AFTER_SCOPE", "call")]), Ok(None));
        let on = ("RETRY_AFTER_SCOPE", "upstream");
        assert_eq!(read(&[on]), Ok(Some(QuietPeriod::up_to(Duration::from_secs(300)))));
        let bounded = QuietPeriod::up_to(Duration::from_millis(2_500));
        assert_eq!(read(&[on, ("RETRY_AFTER_MAX", "2.5")]), Ok(Some(bounded)));
    }

    #[test]
    fn a_bound_without_the_scope_names_both_variables() {
        let expected =
            "RETRY_AFTER_MAX=\"60\" is not valid: expected RETRY_AFTER_SCOPE=upstream to be set";
        assert_eq!(read(&[("RETRY_AFTER_MAX", "60")]), Err(expected.to_owned()));
    }
}
