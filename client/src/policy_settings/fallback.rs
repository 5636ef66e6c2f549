//! `FALLBACK` and `FALLBACK_*`.

use std::time::Duration;

use resilience_actors::DURATIONS;
use service_edge::{SettingError, Settings};

use super::names::needs;
use crate::fallback::StaleLimits;

/// Reads the limits of stale answers. `None` unless `FALLBACK` is `stale`.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<StaleLimits>, SettingError> {
    let stale = settings.choice("FALLBACK", "off", &[("off", false), ("stale", true)])?;
    let max_age = settings.optional_seconds("FALLBACK_MAX_AGE", DURATIONS)?;
    let max_bytes = settings.optional_integer("FALLBACK_MAX_BYTES", 1..=1_073_741_824)?;
    if !stale {
        needs("FALLBACK_MAX_AGE", max_age.map(|age| age.as_secs_f64()), "FALLBACK=stale")?;
        needs("FALLBACK_MAX_BYTES", max_bytes, "FALLBACK=stale")?;
        return Ok(None);
    }
    Ok(Some(StaleLimits {
        max_age: max_age.unwrap_or(Duration::from_secs(60)),
        max_bytes: max_bytes.unwrap_or(1_048_576),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<StaleLimits>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn stale_answers_are_kept_for_a_minute_in_a_mebibyte_unless_told_otherwise() {
        assert_eq!(read(&[]), Ok(None));
        let default = StaleLimits { max_age: Duration::from_secs(60), max_bytes: 1_048_576 };
        assert_eq!(read(&[("FALLBACK", "stale")]), Ok(Some(default)));
        let all = [("FALLBACK", "stale"), ("FALLBACK_MAX_AGE", "0.5"), ("FALLBACK_MAX_BYTES", "7")];
        let expected = StaleLimits { max_age: Duration::from_millis(500), max_bytes: 7 };
        assert_eq!(read(&all), Ok(Some(expected)));
    }

    #[test]
    fn a_limit_without_the_fallback_and_another_fallback_are_refused() {
        for (variable, value) in [("FALLBACK_MAX_AGE", "5"), ("FALLBACK_MAX_BYTES", "5")] {
            let expected =
                format!("{variable}=\"{value}\" is not valid: expected FALLBACK=stale to be set");
            assert_eq!(read(&[(variable, value)]), Err(expected));
        }
        let other = read(&[("FALLBACK", "on")]).unwrap_err();
        assert_eq!(other, "FALLBACK=\"on\" is not valid: expected off or stale");
    }
}
