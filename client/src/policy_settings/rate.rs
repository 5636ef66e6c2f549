//! `RATE_*`.

use std::time::Duration;

use resilience_actors::{MAX_DURATION, Rate};
use service_edge::{SettingError, Settings};

use super::names::needs;

/// Reads the rate limit. `None` unless `RATE_LIMIT` is set.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<Rate>, SettingError> {
    let limit = settings.optional_text("RATE_LIMIT")?;
    let burst = settings.optional_integer("RATE_BURST", Rate::BURST)?;
    let wait = settings.optional_seconds("RATE_WAIT", Duration::ZERO..=MAX_DURATION)?;
    let Some(limit) = limit else {
        needs("RATE_BURST", burst, "RATE_LIMIT")?;
        needs("RATE_WAIT", wait.map(|wait| wait.as_secs_f64()), "RATE_LIMIT")?;
        return Ok(None);
    };
    let rate = rate(limit)?.wait(wait.unwrap_or_default());
    Ok(Some(Rate { rate_burst: burst, ..rate }))
}

/// A number of attempts and a period, such as `100/s`.
fn rate(text: String) -> Result<Rate, SettingError> {
    let known = text.split_once('/').and_then(|(number, period)| {
        let number = whole(number).filter(|number| Rate::LIMIT.contains(number))?;
        match period {
            "s" => Some(Rate::per_second(number)),
            "m" => Some(Rate::per_minute(number)),
            "h" => Some(Rate::per_hour(number)),
            _ => None,
        }
    });
    known.ok_or_else(|| {
        let (low, high) = Rate::LIMIT.into_inner();
        let allowed =
            format!("a whole number from {low} to {high} followed by /s, /m or /h, such as 100/s");
        SettingError::new("RATE_LIMIT", text, allowed)
    })
}

/// `u32` alone would also accept "+1".
fn whole(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Rate>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rate_turns_the_limit_on() {
        assert_eq!(read(&[]), Ok(None));
        for (value, rate) in [
            ("100/s", Rate::per_second(100)),
            ("5/m", Rate::per_minute(5)),
            ("1000000/h", Rate::per_hour(1_000_000)),
        ] {
            assert_eq!(read(&[("RATE_LIMIT", value)]), Ok(Some(rate)));
        }
        let all = [("RATE_LIMIT", "7/s"), ("RATE_BURST", "1"), ("RATE_WAIT", "0.5")];
        let expected = Rate::per_second(7).burst(1).wait(Duration::from_millis(500));
        assert_eq!(read(&all), Ok(Some(expected)));
    }

    #[test]
    fn other_rates_are_refused() {
        for value in
            ["100", "0/s", "1000001/s", "1/d", "1/", "/s", "+1/s", "1.5/s", "1 /s", "1/s/s"]
        {
            let expected = format!(
                "RATE_LIMIT=\"{value}\" is not valid: expected a whole number from 1 to 1000000 followed by \
                 /s, /m or /h, such as 100/s"
            );
            assert_eq!(read(&[("RATE_LIMIT", value)]), Err(expected));
        }
    }

    #[test]
    fn a_burst_or_a_wait_without_a_rate_is_refused() {
        for (variable, value) in [("RATE_BURST", "3"), ("RATE_WAIT", "0.5")] {
            let expected =
                format!("{variable}=\"{value}\" is not valid: expected RATE_LIMIT to be set");
            assert_eq!(read(&[(variable, value)]), Err(expected));
        }
    }
}
