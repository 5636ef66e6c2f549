//! Settings that are durations: decimal numbers of seconds without a unit.

use std::{
    ops::{Bound, RangeBounds},
    time::Duration,
};

use super::{setting_error::SettingError, settings::Settings};

impl Settings<'_> {
    /// Reads a duration within `allowed`, which must have an end. The variable is a decimal number of seconds without
    /// a unit; fractions are allowed.
    pub fn seconds(
        &mut self,
        name: &'static str,
        default: Duration,
        allowed: impl RangeBounds<Duration>,
    ) -> Result<Duration, SettingError> {
        let value = self.parse_seconds(name, &allowed)?.unwrap_or(default);
        self.record(name, value.as_secs_f64().to_string());
        Ok(value)
    }

    /// As [`seconds`](Self::seconds), or `None` if the variable is unset.
    pub fn optional_seconds(
        &mut self,
        name: &'static str,
        allowed: impl RangeBounds<Duration>,
    ) -> Result<Option<Duration>, SettingError> {
        let value = self.parse_seconds(name, &allowed)?;
        self.record_optional(name, value.map(|value| value.as_secs_f64()).as_ref());
        Ok(value)
    }

    fn parse_seconds(
        &self,
        name: &'static str,
        allowed: &impl RangeBounds<Duration>,
    ) -> Result<Option<Duration>, SettingError> {
        let Some(text) = self.raw(name)? else {
            return Ok(None);
        };
        let value = decimal(&text).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match value.filter(|value| allowed.contains(value)) {
            Some(value) => Ok(Some(value)),
            None => Err(SettingError::new(name, text, allowed_seconds(allowed))),
        }
    }
}

/// A number of digits and at most one point. `f64` alone would also accept "inf", "NaN", "1e3" and "-0".
pub fn decimal(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| decimal)
}

/// What an error says about the allowed durations.
fn allowed_seconds(allowed: &impl RangeBounds<Duration>) -> String {
    let seconds = |bound: Bound<&Duration>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => value.as_secs_f64(),
        Bound::Unbounded => f64::INFINITY,
    };
    let most = seconds(allowed.end_bound());
    match allowed.start_bound() {
        Bound::Excluded(least) => {
            let least = least.as_secs_f64();
            format!("a number of seconds, more than {least} and at most {most}, without a unit")
        }
        least => format!("a number of seconds from {} to {most}, without a unit", seconds(least)),
    }
}
