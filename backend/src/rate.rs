//! A probability, as a plan and a request have it.

use std::{ops::RangeInclusive, str::FromStr};

use serde::Serialize;
use utoipa::ToSchema;

/// Range of a rate.
pub const RATES: RangeInclusive<f64> = 0.0..=1.0;

/// A probability from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, ToSchema)]
pub struct Rate(f64);

impl Rate {
    /// The probability.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = NotARate;

    fn try_from(value: f64) -> Result<Self, NotARate> {
        // Without `abs`, a rate of -0.0 would show as "-0" in every answer.
        if RATES.contains(&value) { Ok(Self(value.abs())) } else { Err(NotARate) }
    }
}

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        text.parse::<f64>().map_err(|_| NotARate)?.try_into()
    }
}

/// The value is not a probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate must be a number from 0 to 1")]
pub struct NotARate;
