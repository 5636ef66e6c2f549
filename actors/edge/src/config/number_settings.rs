//! Settings that are numbers.

use std::{
    fmt::Display,
    ops::{Bound, RangeBounds, RangeInclusive},
    str::FromStr,
};

use super::{setting_error::SettingError, settings::Settings};

/// A maximum that a variable sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The maximum.
    pub value: usize,
    /// True if the variable is set; false if the value is the default.
    pub chosen: bool,
}

impl Settings<'_> {
    /// Reads a whole number within `allowed`.
    pub fn integer<T>(
        &mut self,
        name: &'static str,
        default: T,
        allowed: RangeInclusive<T>,
    ) -> Result<T, SettingError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let value = self.parse_integer(name, &allowed)?.unwrap_or(default);
        self.record(name, value.to_string());
        Ok(value)
    }

    /// Reads a maximum, as [`integer`](Self::integer).
    pub fn limit(
        &mut self,
        name: &'static str,
        default: usize,
        allowed: RangeInclusive<usize>,
    ) -> Result<Limit, SettingError> {
        let value = self.integer(name, default, allowed)?;
        Ok(Limit { value, chosen: self.raw_os(name).is_some() })
    }

    /// Reads a whole number within `allowed`, or `None` if the variable is unset.
    pub fn optional_integer<T>(
        &mut self,
        name: &'static str,
        allowed: RangeInclusive<T>,
    ) -> Result<Option<T>, SettingError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let value = self.parse_integer(name, &allowed)?;
        self.record_optional(name, value.as_ref());
        Ok(value)
    }

    /// Reads a number within `allowed`.
    pub fn number(
        &mut self,
        name: &'static str,
        default: f64,
        allowed: RangeInclusive<f64>,
    ) -> Result<f64, SettingError> {
        let value = self.parse_number(name, &allowed)?.unwrap_or(default);
        self.record(name, value.to_string());
        Ok(value)
    }

    /// Reads a number within `allowed`, which must have an end, or `None` if the variable is unset.
    pub fn optional_number(
        &mut self,
        name: &'static str,
        allowed: impl RangeBounds<f64>,
    ) -> Result<Option<f64>, SettingError> {
        let value = self.parse_number(name, &allowed)?;
        self.record_optional(name, value.as_ref());
        Ok(value)
    }

    fn parse_number(
        &self,
        name: &'static str,
        allowed: &impl RangeBounds<f64>,
    ) -> Result<Option<f64>, SettingError> {
        let Some(text) = self.raw(name)? else {
            return Ok(None);
        };
        match text.parse().ok().filter(|value| allowed.contains(value)) {
            Some(value) => Ok(Some(value)),
            None => Err(SettingError::new(name, text, allowed_numbers(allowed))),
        }
    }

    fn parse_integer<T>(
        &self,
        name: &'static str,
        allowed: &RangeInclusive<T>,
    ) -> Result<Option<T>, SettingError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.raw(name)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(value) if allowed.contains(&value) => Ok(Some(value)),
            _ => Err(SettingError::new(
                name,
                text,
                format!("a whole number from {} to {}", allowed.start(), allowed.end()),
            )),
        }
    }
}

/// What an error says about the allowed numbers.
fn allowed_numbers(allowed: &impl RangeBounds<f64>) -> String {
    let number = |bound: Bound<&f64>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => *value,
        Bound::Unbounded => f64::INFINITY,
    };
    let most = number(allowed.end_bound());
    match allowed.start_bound() {
        Bound::Excluded(least) => format!("a number more than {least} and at most {most}"),
        least => format!("a number from {} to {most}", number(least)),
    }
}
