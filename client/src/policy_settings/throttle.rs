//! `THROTTLE` and `THROTTLE_RATIO`.

use resilience_actors::Throttle;
use service_edge::{SettingError, Settings};

use super::names::needs;

/// Reads how attempts are throttled. `None` unless `THROTTLE` is `on`.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<Throttle>, SettingError> {
    let on = settings.choice("THROTTLE", "off", &[("off", false), ("on", true)])?;
    let ratio = settings.optional_number("THROTTLE_RATIO", Throttle::RATIO)?;
    if !on {
        needs("THROTTLE_RATIO", ratio, "THROTTLE=on")?;
        return Ok(None);
    }
    Ok(Some(ratio.map_or_else(Throttle::default, Throttle::ratio)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Throttle>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn throttling_is_turned_on_and_has_a_ratio() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("THROTTLE", "off")]), Ok(None));
        assert_eq!(read(&[("THROTTLE", "on")]), Ok(Some(Throttle::ratio(2.0))));
        let both = [("THROTTLE", "on"), ("THROTTLE_RATIO", "1.1")];
        assert_eq!(read(&both), Ok(Some(Throttle::ratio(1.1))));
    }

    #[test]
    fn a_ratio_without_throttling_and_one_below_1_are_refused() {
        let expected = "THROTTLE_RATIO=\"2\" is not valid: expected THROTTLE=on to be set";
        assert_eq!(read(&[("THROTTLE_RATIO", "2")]), Err(expected.to_owned()));
        let expected = "THROTTLE_RATIO=\"0.9\" is not valid: expected a number from 1 to 100";
        let low = [("THROTTLE", "on"), ("THROTTLE_RATIO", "0.9")];
        assert_eq!(read(&low), Err(expected.to_owned()));
    }
}
