//! What both configurations have in common: how a value that breaks a rule is refused.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

/// The longest duration that any setting takes: 30 days.
pub const MAX_DURATION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A setting that breaks its rule. Says which one, its value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value} is not valid: expected {allowed}")]
pub struct InvalidConfig {
    /// Name of the field of [`BreakerSettings`](crate::BreakerSettings) or
    /// [`RetrySettings`](crate::RetrySettings).
    pub field: &'static str,
    /// The value that was refused.
    pub value: String,
    /// What would have been accepted.
    pub allowed: String,
}

impl InvalidConfig {
    pub(crate) fn new(
        field: &'static str,
        value: impl Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self { field, value: value.to_string(), allowed: allowed.into() }
    }
}

/// `value` lies in `allowed`; NaN lies nowhere.
pub(crate) fn in_range<T: PartialOrd + Display>(
    field: &'static str,
    value: T,
    allowed: RangeInclusive<T>,
) -> Result<(), InvalidConfig> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let (low, high) = allowed.into_inner();
    Err(InvalidConfig::new(field, value, format!("a number from {low} to {high}")))
}

/// `value` is more than nothing and at most [`MAX_DURATION`].
pub(crate) fn positive(field: &'static str, value: Duration) -> Result<(), InvalidConfig> {
    if !value.is_zero() && value <= MAX_DURATION {
        return Ok(());
    }
    Err(InvalidConfig::new(
        field,
        value.as_secs_f64(),
        format!("seconds, more than 0 and at most {}", MAX_DURATION.as_secs()),
    ))
}

/// Serialises durations as seconds with fractions.
pub(crate) fn seconds<S: serde::Serializer>(
    value: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.as_secs_f64())
}
