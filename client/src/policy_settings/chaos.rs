//! `CHAOS_*`.

use resilience_actors::{Chaos, DURATIONS};
use service_edge::{SettingError, Settings, UNSET};

use super::names::needs;

/// Reads which share of the attempts gets a fault. `None` if no share is above 0.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<Chaos>, SettingError> {
    let failure_rate = settings.optional_number("CHAOS_FAILURE_RATE", Chaos::RATE)?;
    let delay_rate = settings.optional_number("CHAOS_DELAY_RATE", Chaos::RATE)?;
    let delay = settings.optional_seconds("CHAOS_DELAY", DURATIONS)?;
    let panic_rate = settings.optional_number("CHAOS_PANIC_RATE", Chaos::RATE)?;
    let seed = settings.optional_integer("CHAOS_SEED", 0..=u64::MAX)?;

    let delay_seconds = delay.map(|delay| delay.as_secs_f64());
    if delay_rate.is_none() {
        needs("CHAOS_DELAY", delay_seconds, "CHAOS_DELAY_RATE")?;
    }
    if failure_rate.or(delay_rate).or(panic_rate).is_none() {
        let rates = "CHAOS_FAILURE_RATE, CHAOS_DELAY_RATE or CHAOS_PANIC_RATE";
        needs("CHAOS_SEED", seed, rates)?;
    }
    let default = Chaos::default();
    let chaos = Chaos {
        chaos_failure_rate: failure_rate.unwrap_or(default.chaos_failure_rate),
        chaos_delay_rate: delay_rate.unwrap_or(default.chaos_delay_rate),
        chaos_delay: delay.unwrap_or(default.chaos_delay),
        chaos_panic_rate: panic_rate.unwrap_or(default.chaos_panic_rate),
        chaos_seed: seed,
    };
    Ok(chaos.is_on().then_some(chaos))
}

/// Refuses each of the variables unless there is an admin token. `effective` are the settings that were read.
pub(super) fn check_admin_token(
    effective: &[(&'static str, String)],
    has_token: bool,
) -> Result<(), SettingError> {
    let mut chaos = effective.iter().filter(|(name, _)| name.starts_with("CHAOS_"));
    match chaos.find(|(_, value)| value != UNSET) {
        Some((name, value)) if !has_token => needs(name, Some(value), "ADMIN_TOKEN"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Chaos>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_share_above_0_turns_it_on() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("CHAOS_FAILURE_RATE", "0"), ("CHAOS_SEED", "7")]), Ok(None));
        let failing = Chaos::default().fail(0.1);
        assert_eq!(read(&[("CHAOS_FAILURE_RATE", "0.1")]), Ok(Some(failing)));
        let all = [
            ("CHAOS_FAILURE_RATE", "0.1"),
            ("CHAOS_DELAY_RATE", "0.2"),
            ("CHAOS_DELAY", "2.5"),
            ("CHAOS_PANIC_RATE", "0.01"),
            ("CHAOS_SEED", "7"),
        ];
        let delay = Duration::from_millis(2_500);
        let chaos = Chaos::default().fail(0.1).delay(0.2, delay).panic(0.01).seed(7);
        assert_eq!(read(&all), Ok(Some(chaos)));
    }

    #[test]
    fn each_variable_needs_the_admin_token() {
        for (name, value) in
            [("CHAOS_FAILURE_RATE", "0.1"), ("CHAOS_DELAY_RATE", "0"), ("CHAOS_PANIC_RATE", "1")]
        {
            let variables = [(name, value)];
            let mut settings = Settings::from_pairs(&variables);
            super::read(&mut settings).unwrap();
            let check = |has_token| check_admin_token(settings.effective(), has_token);
            let expected =
                format!("{name}=\"{value}\" is not valid: expected ADMIN_TOKEN to be set");
            assert_eq!(check(false).unwrap_err().to_string(), expected);
            assert!(check(true).is_ok());
        }
        let mut unset = Settings::from_pairs(&[]);
        super::read(&mut unset).unwrap();
        assert!(check_admin_token(unset.effective(), false).is_ok());
    }

    #[test]
    fn what_has_no_effect_is_refused() {
        let expected = "CHAOS_DELAY=\"2\" is not valid: expected CHAOS_DELAY_RATE to be set";
        assert_eq!(read(&[("CHAOS_DELAY", "2")]), Err(expected.to_owned()));
        let expected = "CHAOS_SEED=\"7\" is not valid: expected CHAOS_FAILURE_RATE, CHAOS_DELAY_RATE or \
                        CHAOS_PANIC_RATE to be set";
        assert_eq!(read(&[("CHAOS_SEED", "7")]), Err(expected.to_owned()));
    }
}
