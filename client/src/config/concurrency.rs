//! `CONCURRENCY_*`.

use resilience_actors::{Concurrency, DURATIONS};
use service_edge::{SettingError, Settings};

use super::names::needs;

/// Reads the concurrency limit. `None` unless `CONCURRENCY_MAX` is set.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<Concurrency>, SettingError> {
    let max = settings.optional_integer("CONCURRENCY_MAX", Concurrency::MAX)?;
    let queue = settings.optional_integer("CONCURRENCY_QUEUE", Concurrency::QUEUE)?;
    let wait = settings.optional_seconds("CONCURRENCY_WAIT", DURATIONS)?;
    let Some(max) = max else {
        needs("CONCURRENCY_QUEUE", queue, "CONCURRENCY_MAX")?;
        needs("CONCURRENCY_WAIT", wait.map(|wait| wait.as_secs_f64()), "CONCURRENCY_MAX")?;
        return Ok(None);
    };
    let default = Concurrency::at_most(max);
    Ok(Some(Concurrency {
        concurrency_queue: queue.unwrap_or(default.concurrency_queue),
        concurrency_wait: wait.unwrap_or(default.concurrency_wait),
        ..default
    }))
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
    fn a_queue_or_a_wait_without_a_maximum_is_refused() {
        for (variable, value) in [("CONCURRENCY_QUEUE", "3"), ("CONCURRENCY_WAIT", "0.5")] {
            let expected =
                format!("{variable}=\"{value}\" is not valid: expected CONCURRENCY_MAX to be set");
            assert_eq!(read(&[(variable, value)]), Err(expected));
        }
    }
}
