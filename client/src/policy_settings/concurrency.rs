//! `CONCURRENCY_*`.

use resilience_actors::{Concurrency, ConcurrencyMax, DURATIONS};
use service_edge::{SettingError, Settings};

use super::names::needs;

/// Reads the concurrency limit. `None` unless `CONCURRENCY_MAX` is set.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<Concurrency>, SettingError> {
    let max = settings.optional_text("CONCURRENCY_MAX")?.map(max).transpose()?;
    let floor = settings.optional_integer("CONCURRENCY_FLOOR", Concurrency::MAX)?;
    let ceiling = settings.optional_integer("CONCURRENCY_CEILING", Concurrency::MAX)?;
    let queue = settings.optional_integer("CONCURRENCY_QUEUE", Concurrency::QUEUE)?;
    let wait = settings.optional_seconds("CONCURRENCY_WAIT", DURATIONS)?;
    let concurrency_max = match max {
        Some(ConcurrencyMax::Adaptive { floor: least, ceiling: most }) => {
            Some(ConcurrencyMax::Adaptive {
                floor: floor.unwrap_or(least),
                ceiling: ceiling.unwrap_or(most),
            })
        }
        fixed => {
            needs("CONCURRENCY_FLOOR", floor, "CONCURRENCY_MAX=auto")?;
            needs("CONCURRENCY_CEILING", ceiling, "CONCURRENCY_MAX=auto")?;
            fixed
        }
    };
    let Some(concurrency_max) = concurrency_max else {
        needs("CONCURRENCY_QUEUE", queue, "CONCURRENCY_MAX")?;
        needs("CONCURRENCY_WAIT", wait.map(|wait| wait.as_secs_f64()), "CONCURRENCY_MAX")?;
        return Ok(None);
    };
    let default = Concurrency::default();
    Ok(Some(Concurrency {
        concurrency_max,
        concurrency_queue: queue.unwrap_or(default.concurrency_queue),
        concurrency_wait: wait.unwrap_or(default.concurrency_wait),
        ..default
    }))
}

/// A whole number, or `auto`.
fn max(text: String) -> Result<ConcurrencyMax, SettingError> {
    // `parse` alone would also accept "+7".
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        _ if text == "auto" => Ok(ConcurrencyMax::AUTO),
        Ok(max) if digits && Concurrency::MAX.contains(&max) => Ok(ConcurrencyMax::Fixed(max)),
        _ => {
            let (low, high) = Concurrency::MAX.into_inner();
            let allowed = format!("auto, or a whole number from {low} to {high}");
            Err(SettingError::new("CONCURRENCY_MAX", text, allowed))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Concurrency>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_maximum_turns_the_limit_on() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("CONCURRENCY_MAX", "7")]), Ok(Some(Concurrency::at_most(7))));
        let all =
            [("CONCURRENCY_MAX", "7"), ("CONCURRENCY_QUEUE", "3"), ("CONCURRENCY_WAIT", "0.5")];
        let expected = Concurrency::at_most(7).queue(3).wait(Duration::from_millis(500));
        assert_eq!(read(&all), Ok(Some(expected)));
    }

    #[test]
    fn auto_makes_the_limit_follow_latency_between_floor_and_ceiling() {
        let auto = ("CONCURRENCY_MAX", "auto");
        assert_eq!(read(&[auto]), Ok(Some(Concurrency::adaptive(4..=200))));
        let range = [auto, ("CONCURRENCY_FLOOR", "2"), ("CONCURRENCY_CEILING", "50")];
        assert_eq!(read(&range), Ok(Some(Concurrency::adaptive(2..=50))));
    }

    #[test]
    fn other_maximums_are_refused() {
        for value in ["0", "-1", "+7", "1.5", "1000001", "Auto"] {
            let expected = format!(
                "CONCURRENCY_MAX=\"{value}\" is not valid: expected auto, or a whole number from 1 to 1000000"
            );
            assert_eq!(read(&[("CONCURRENCY_MAX", value)]), Err(expected));
        }
    }

    #[test]
    fn a_floor_or_a_ceiling_of_a_fixed_limit_is_refused() {
        for variable in ["CONCURRENCY_FLOOR", "CONCURRENCY_CEILING"] {
            let expected =
                format!("{variable}=\"9\" is not valid: expected CONCURRENCY_MAX=auto to be set");
            assert_eq!(read(&[(variable, "9")]), Err(expected.clone()));
            assert_eq!(read(&[("CONCURRENCY_MAX", "20"), (variable, "9")]), Err(expected));
        }
    }

    #[test]
    fn a_queue_or_a_wait_without_a_maximum_is_refused() {
        for (variable, value) in [("CONCURRENCY_QUEUE", "3"), ("CONCURRENCY_WAIT", "0.5")] {
            let expected =
                format!("{variable}=\"{value}\" is not valid: expected CONCURRENCY_MAX to be set");
            assert_eq!(read(&[(variable, value)]), Err(expected));
        }
    }
}
