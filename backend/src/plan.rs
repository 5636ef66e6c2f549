//! The fault plan: how often requests fail, are slow or are throttled.
//!
//! A [`FaultPlan`] is always valid. It is made from a [`PlanSpec`] (the environment) or from a [`PlanRequest`] (a
//! client's request) and the plan of the start.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::rate::{NotARate, Rate};

/// Maximum delay of a slow answer, in seconds.
pub const MAX_SLOW_RESPONSE_DELAY: f64 = 3600.0;

/// Maximum length of a sequence.
pub const MAX_SEQUENCE: usize = 10_000;

/// Two decimal fractions whose sum is 1 may differ from 1 by a rounding error.
const ROUNDING: f64 = 1e-9;

/// The outcome of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// 200 at once.
    Ok,
    /// 500.
    Fail,
    /// 200 after the delay.
    Slow,
    /// 429.
    Transient,
    /// No answer.
    Hang,
    /// The connection is reset.
    Reset,
}

/// The fault plan. Its JSON is that of `GET /api/faults`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FaultPlan {
    failure_rate: Rate,
    slow_response_rate: Rate,
    #[serde(serialize_with = "as_seconds")]
    #[schema(value_type = f64)]
    slow_response_delay: Duration,
    transient_failure_rate: Rate,
    sequence: Option<Vec<Outcome>>,
    repeat: bool,
}

impl FaultPlan {
    /// Share of the requests to `/api/data` that fail.
    pub fn failure_rate(&self) -> Rate {
        self.failure_rate
    }

    /// Share of the requests to `/api/data` that are answered late.
    pub fn slow_response_rate(&self) -> Rate {
        self.slow_response_rate
    }

    /// Delay of a late answer, at most [`MAX_SLOW_RESPONSE_DELAY`].
    pub fn slow_response_delay(&self) -> Duration {
        self.slow_response_delay
    }

    /// Share of the requests to `/api/transient-failure` that are throttled.
    pub fn transient_failure_rate(&self) -> Rate {
        self.transient_failure_rate
    }

    /// The outcomes of the next requests, in place of the rates: 1 to [`MAX_SEQUENCE`] outcomes.
    pub fn sequence(&self) -> Option<&[Outcome]> {
        self.sequence.as_deref()
    }

    /// True if the sequence starts again after its end. Otherwise the rates apply after its end.
    pub fn repeat(&self) -> bool {
        self.repeat
    }
}

/// One line for the log. Shows only the length of a sequence.
impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failure_rate={} slow_response_rate={} slow_response_delay={}s transient_failure_rate={}",
            self.failure_rate.get(),
            self.slow_response_rate.get(),
            self.slow_response_delay.as_secs_f64(),
            self.transient_failure_rate.get()
        )?;
        match &self.sequence {
            None => write!(f, " sequence=none"),
            Some(sequence) => {
                let repeat = if self.repeat { ", repeated" } else { "" };
                write!(f, " sequence={} outcomes{repeat}", sequence.len())
            }
        }
    }
}

/// A plan's values before they are checked. Rates are from 0 to 1, the delay is in seconds.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of FaultPlan")]
pub struct PlanSpec {
    pub failure_rate: f64,
    pub slow_response_rate: f64,
    pub slow_response_delay: f64,
    pub transient_failure_rate: f64,
    pub sequence: Option<Vec<Outcome>>,
    pub repeat: bool,
}

impl From<&FaultPlan> for PlanSpec {
    fn from(plan: &FaultPlan) -> Self {
        Self {
            failure_rate: plan.failure_rate.get(),
            slow_response_rate: plan.slow_response_rate.get(),
            slow_response_delay: plan.slow_response_delay.as_secs_f64(),
            transient_failure_rate: plan.transient_failure_rate.get(),
            sequence: plan.sequence.clone(),
            repeat: plan.repeat,
        }
    }
}

impl TryFrom<PlanSpec> for FaultPlan {
    type Error = PlanError;

    fn try_from(spec: PlanSpec) -> Result<Self, PlanError> {
        let rate = |field, value| {
            Rate::try_from(value).map_err(|NotARate| PlanError::Rate { field, value })
        };
        let plan = Self {
            failure_rate: rate("failure_rate", spec.failure_rate)?,
            slow_response_rate: rate("slow_response_rate", spec.slow_response_rate)?,
            slow_response_delay: delay(spec.slow_response_delay)?,
            transient_failure_rate: rate("transient_failure_rate", spec.transient_failure_rate)?,
            sequence: spec.sequence,
            repeat: spec.repeat,
        };
        let (failure, slow) = (plan.failure_rate.get(), plan.slow_response_rate.get());
        if failure + slow > 1.0 + ROUNDING {
            return Err(PlanError::Sum { failure, slow });
        }
        match plan.sequence.as_ref().map(Vec::len) {
            None if plan.repeat => Err(PlanError::RepeatOfNothing),
            Some(len) if !(1..=MAX_SEQUENCE).contains(&len) => Err(PlanError::Sequence { len }),
            _ => Ok(plan),
        }
    }
}

fn delay(seconds: f64) -> Result<Duration, PlanError> {
    if (0.0..=MAX_SLOW_RESPONSE_DELAY).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(PlanError::Delay { value: seconds })
    }
}

fn as_seconds<S: serde::Serializer>(delay: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(delay.as_secs_f64())
}

/// The rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A rate is not a probability.
    #[error("{field} is {value}, but must be from 0 to 1")]
    Rate {
        /// The rate's name.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// The delay is out of range.
    #[error("slow_response_delay is {value}, but must be from 0 to 3600 (seconds)")]
    Delay {
        /// Its value, in seconds.
        value: f64,
    },
    /// More than all requests would be failed or slow.
    #[error(
        "failure_rate and slow_response_rate must not add up to more than 1, but are {failure} and {slow}"
    )]
    Sum {
        /// The failure rate.
        failure: f64,
        /// The slow response rate.
        slow: f64,
    },
    /// The sequence is empty or too long.
    #[error("sequence has {len} outcomes, but must have from 1 to 10000, or be null")]
    Sequence {
        /// Its length.
        len: usize,
    },
    /// There is nothing to repeat.
    #[error("repeat is true, but there is no sequence to repeat")]
    RepeatOfNothing,
}

/// The body of `PUT /api/faults`. It replaces the plan. A field that it leaves out takes the value of the plan at the
/// start, so `{}` restores that plan.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of FaultPlan")]
pub struct PlanRequest {
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    pub failure_rate: Option<f64>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    pub slow_response_rate: Option<f64>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false, minimum = 0, maximum = 3600)]
    pub slow_response_delay: Option<f64>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    pub transient_failure_rate: Option<f64>,
    #[schema(min_items = 1, max_items = 10000)]
    pub sequence: Option<Vec<Outcome>>,
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub repeat: Option<bool>,
}

impl PlanRequest {
    /// The requested plan. Fields that are missing have the values of `started`, the plan at the start.
    ///
    /// # Errors
    ///
    /// The rule that the plan would break.
    pub fn on(self, started: &FaultPlan) -> Result<FaultPlan, PlanError> {
        let started = PlanSpec::from(started);
        FaultPlan::try_from(PlanSpec {
            failure_rate: self.failure_rate.unwrap_or(started.failure_rate),
            slow_response_rate: self.slow_response_rate.unwrap_or(started.slow_response_rate),
            slow_response_delay: self.slow_response_delay.unwrap_or(started.slow_response_delay),
            transient_failure_rate: self
                .transient_failure_rate
                .unwrap_or(started.transient_failure_rate),
            // The plan at the start has no sequence, so a missing field means null.
            sequence: self.sequence,
            repeat: self.repeat.unwrap_or(false),
        })
    }
}

/// A field that may be missing but not null. By default serde would accept null as missing.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "plan_props.rs"]
mod props;
