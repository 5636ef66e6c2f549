//! Rules of settings, and the error for a value that breaks one.

use std::{
    fmt::{self, Display},
    ops::{Bound, RangeBounds as _, RangeInclusive},
    time::Duration,
};

/// The longest duration that any setting takes: 30 days.
pub const MAX_DURATION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Range of every duration that a setting takes: more than 0, at most [`MAX_DURATION`].
pub const DURATIONS: (Bound<Duration>, Bound<Duration>) =
    (Bound::Excluded(Duration::ZERO), Bound::Included(MAX_DURATION));

/// A setting that breaks its rule. Says which one, its value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value} is not valid: expected {allowed}")]
pub struct InvalidConfig {
    /// Name of the field, for instance of [`BreakerSettings`](crate::BreakerSettings) or [`Retry`](crate::Retry).
    pub field: &'static str,
    /// The value that was refused.
    pub value: String,
    /// What would have been accepted.
    pub allowed: Allowed,
}

/// What a setting would have been accepted as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// What these words say.
    Values(String),
    /// No less than another setting's value, or less than it.
    Compared {
        /// `no less than` or `less than`.
        relation: &'static str,
        /// The name of the other.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// What these words say, as long as another setting has this value.
    With {
        /// The words.
        values: String,
        /// The name of the other.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// Only if one of these other settings is set too.
    Beside(&'static [&'static str]),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(values) => f.write_str(values),
            Self::Compared { relation, field, value } => {
                write!(f, "{relation} {field} = {value}")
            }
            Self::With { values, field, value } => write!(f, "{values} with {field} = {value}"),
            Self::Beside(others) => write!(f, "{} to be set", others.join(" or ")),
        }
    }
}

impl InvalidConfig {
    pub(crate) fn new(field: &'static str, value: impl Display, allowed: String) -> Self {
        Self { field, value: value.to_string(), allowed: Allowed::Values(allowed) }
    }

    /// `value` has no effect unless one of the `others` is set.
    pub(crate) fn beside(
        field: &'static str,
        value: impl Display,
        others: &'static [&'static str],
    ) -> Self {
        Self { field, value: value.to_string(), allowed: Allowed::Beside(others) }
    }

    /// `wait` does not fit into what the attempt timeout and other waits leave of the setting `whole`.
    pub(crate) fn does_not_fit(
        field: &'static str,
        wait: Duration,
        whole: &'static str,
        time: Duration,
    ) -> Self {
        let relation = "no more, with the attempt timeout and other waits, than";
        compared(field, wait, relation, whole, time)
    }

    /// `value` contradicts the value `given` of the setting `other`, beside which `allowed` would be accepted.
    pub(crate) fn with(
        field: &'static str,
        value: impl Display,
        allowed: impl Display,
        other: &'static str,
        given: impl Display,
    ) -> Self {
        let (values, given) = (allowed.to_string(), given.to_string());
        let allowed = Allowed::With { values, field: other, value: given };
        Self { field, value: value.to_string(), allowed }
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

/// `value` is one of [`DURATIONS`].
pub(crate) fn positive(field: &'static str, value: Duration) -> Result<(), InvalidConfig> {
    if DURATIONS.contains(&value) {
        return Ok(());
    }
    Err(InvalidConfig::new(
        field,
        value.as_secs_f64(),
        format!("seconds, more than 0 and at most {}", MAX_DURATION.as_secs()),
    ))
}

/// `value` is at most [`MAX_DURATION`], and may be 0.
pub(crate) fn at_most(field: &'static str, value: Duration) -> Result<(), InvalidConfig> {
    if value <= MAX_DURATION {
        return Ok(());
    }
    let allowed = format!("seconds, at most {}", MAX_DURATION.as_secs());
    Err(InvalidConfig::new(field, value.as_secs_f64(), allowed))
}

/// `value` is no less than the value `floor` of the setting `other`.
pub(crate) fn at_least<T: Setting>(
    field: &'static str,
    value: T,
    other: &'static str,
    floor: T,
) -> Result<(), InvalidConfig> {
    if value >= floor { Ok(()) } else { Err(compared(field, value, "no less than", other, floor)) }
}

/// `value` is less than the value `ceiling` of the setting `other`.
pub(crate) fn less_than<T: Setting>(
    field: &'static str,
    value: T,
    other: &'static str,
    ceiling: T,
) -> Result<(), InvalidConfig> {
    if value < ceiling { Ok(()) } else { Err(compared(field, value, "less than", other, ceiling)) }
}

fn compared<T: Setting>(
    field: &'static str,
    value: T,
    relation: &'static str,
    other: &'static str,
    bound: T,
) -> InvalidConfig {
    let allowed = Allowed::Compared { relation, field: other, value: bound.shown() };
    InvalidConfig { field, value: value.shown(), allowed }
}

/// A value of a setting, as messages show it.
pub(crate) trait Setting: PartialOrd + Copy {
    fn shown(&self) -> String;
}

impl Setting for u32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for usize {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for Duration {
    /// In seconds.
    fn shown(&self) -> String {
        self.as_secs_f64().to_string()
    }
}
