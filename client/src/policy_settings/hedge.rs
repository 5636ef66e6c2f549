//! `HEDGE_*`.

use std::time::Duration;

use resilience_actors::{Hedge, HedgeDelay, MAX_DURATION};
use service_edge::{SettingError, Settings, decimal};

use super::names::needs;

/// Reads when an attempt is hedged. `None` unless `HEDGE_AFTER` is set.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<Hedge>, SettingError> {
    let after = settings.optional_text("HEDGE_AFTER")?;
    let max = settings.optional_integer("HEDGE_MAX", Hedge::MAX)?;
    let Some(after) = after else {
        needs("HEDGE_MAX", max, "HEDGE_AFTER")?;
        return Ok(None);
    };
    let hedge_after = delay(after)?;
    Ok(Some(Hedge { hedge_after, hedge_max: max.unwrap_or(1) }))
}

/// A number of seconds, or `p` and a percentile.
fn delay(text: String) -> Result<HedgeDelay, SettingError> {
    let delay = match text.strip_prefix('p') {
        Some(percent) => percentile(percent).map(HedgeDelay::Percentile),
        None => time(&text).map(HedgeDelay::Time),
    };
    delay.ok_or_else(|| {
        let (low, high) = Hedge::PERCENTILE.into_inner();
        let allowed = format!(
            "a number of seconds, more than 0 and at most {}, or a percentile from p{} to p{}",
            MAX_DURATION.as_secs(),
            low * 100.0,
            high * 100.0
        );
        SettingError::new("HEDGE_AFTER", text, allowed)
    })
}

fn percentile(percent: &str) -> Option<f64> {
    let (low, high) = Hedge::PERCENTILE.into_inner();
    let percent =
        decimal(percent).filter(|percent| (low * 100.0..=high * 100.0).contains(percent))?;
    // 99.9 / 100.0 is a little more than 0.999.
    Some((percent / 100.0).min(high))
}

fn time(seconds: &str) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(decimal(seconds)?).ok()?;
    (!time.is_zero() && time <= MAX_DURATION).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Hedge>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_delay_is_a_time_or_a_percentile() {
        assert_eq!(read(&[]), Ok(None));
        let time = Hedge::after(Duration::from_millis(200));
        assert_eq!(read(&[("HEDGE_AFTER", "0.2")]), Ok(Some(time)));
        let highest = Hedge::after_percentile(0.999);
        assert_eq!(read(&[("HEDGE_AFTER", "p99.9")]), Ok(Some(highest)));
        let percentile = Hedge::after_percentile(0.95).at_most(2);
        assert_eq!(read(&[("HEDGE_AFTER", "p95"), ("HEDGE_MAX", "2")]), Ok(Some(percentile)));
    }

    #[test]
    fn other_delays_are_refused() {
        for value in ["0", "-1", "1e3", "p", "p49", "p100", "p-5", "95p", "p95%", "3000000"] {
            let expected = format!(
                "HEDGE_AFTER=\"{value}\" is not valid: expected a number of seconds, more than 0 and at most 2592000, \
                 or a percentile from p50 to p99.9"
            );
            assert_eq!(read(&[("HEDGE_AFTER", value)]), Err(expected));
        }
    }

    #[test]
    fn a_maximum_without_a_delay_is_refused() {
        let expected = "HEDGE_MAX=\"2\" is not valid: expected HEDGE_AFTER to be set";
        assert_eq!(read(&[("HEDGE_MAX", "2")]), Err(expected.to_owned()));
    }
}
