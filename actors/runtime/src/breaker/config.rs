//! Settings of the breaker and the rules they keep.

use std::{
    fmt::Display,
    ops::{Bound, Deref, RangeBounds as _, RangeInclusive},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::config::{Allowed, InvalidConfig, at_least, in_range, less_than, positive};

/// The settings of a breaker. They become a [`BreakerConfig`] by `try_from`, which checks them.
///
/// The circuit opens when the first of its trips says so: a number of consecutive failures (`fail_max`), a share of
/// failures (`failure_rate`), a number of failures (`failures`) or a share of slow calls (`slow_rate`). Durations
/// serialise as seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// Consecutive counted failures that open the circuit: [`FAIL_MAX`](Self::FAIL_MAX), default 5. 0 switches this
    /// trip off.
    pub fail_max: u32,
    /// Longest time between two failures of a streak: one of [`DURATIONS`](crate::DURATIONS), or no limit, which is the
    /// default.
    #[serde(with = "crate::seconds::optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub streak_max_age: Option<Duration>,
    /// Share of failures in the window that opens the circuit: one of [`SHARES`](Self::SHARES). None, the default,
    /// switches this trip off.
    pub failure_rate: Option<f64>,
    /// Failures in the window that open the circuit, whatever their share: [`FAILURES`](Self::FAILURES), at most the
    /// window's size. None, the default, switches this trip off.
    pub failures: Option<u32>,
    /// The results that rates and `failures` look at, default the last 100 calls.
    #[cfg_attr(feature = "openapi", schema(value_type = WindowSchema))]
    pub window: Window,
    /// Calls in the window below which no rate opens the circuit: [`MIN_CALLS`](Self::MIN_CALLS), default 20. At most
    /// the window's size.
    pub min_calls: u32,
    /// A call is slow when it has taken this long: one of [`DURATIONS`](crate::DURATIONS). Set together with
    /// `slow_rate`.
    #[serde(with = "crate::seconds::optional")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub slow_call: Option<Duration>,
    /// Share of slow calls in the window that opens the circuit: one of [`SHARES`](Self::SHARES). None, the default,
    /// switches this trip off.
    pub slow_rate: Option<f64>,
    /// Time from opening to half-open: one of [`DURATIONS`](crate::DURATIONS), default 30 s.
    #[serde(with = "crate::seconds")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub reset_timeout: Duration,
    /// Factor by which the open time grows with each reopening: [`RESET_BACKOFF`](Self::RESET_BACKOFF), default 1. Once
    /// the circuit has closed, the open time is `reset_timeout` again.
    pub reset_backoff: f64,
    /// The longest open time: one of [`DURATIONS`](crate::DURATIONS), no less than `reset_timeout`. Default
    /// [`MAX_DURATION`](crate::MAX_DURATION).
    #[serde(with = "crate::seconds")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub reset_max: Duration,
    /// Trials that may be in flight at a time while half-open:
    /// [`HALF_OPEN_MAX_CALLS`](Self::HALF_OPEN_MAX_CALLS), default 1.
    pub half_open_max_calls: u32,
    /// Successful trials that close the circuit: [`SUCCESS_THRESHOLD`](Self::SUCCESS_THRESHOLD), default 1.
    pub success_threshold: u32,
    /// How long a trial may go unreported before it counts as failed: one of [`DURATIONS`](crate::DURATIONS),
    /// default 5 s.
    ///
    /// Must be no shorter than a trial can take, or good trials reopen the circuit.
    #[serde(with = "crate::seconds")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub trial_lease: Duration,
}

/// The results that a rate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// This number of last calls: [`WINDOW_CALLS`](BreakerSettings::WINDOW_CALLS).
    #[serde(rename = "calls")]
    Calls(u32),
    /// The calls of this last time: [`WINDOW_TIME`](BreakerSettings::WINDOW_TIME). The window moves in steps of a tenth
    /// of its length, and is up to one step shorter.
    #[serde(rename = "seconds", with = "crate::seconds")]
    Time(Duration),
}

/// The schema of a [`Window`].
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(as = Window)]
#[expect(dead_code, reason = "only its schema is used")]
enum WindowSchema {
    /// This number of last calls.
    #[schema(rename = "calls")]
    Calls(u32),
    /// The calls of this last time.
    #[schema(rename = "seconds")]
    Time(f64),
}

impl BreakerSettings {
    /// Range of [`fail_max`](Self::fail_max).
    pub const FAIL_MAX: RangeInclusive<u32> = 0..=1_000_000;
    /// Range of [`failure_rate`](Self::failure_rate) and [`slow_rate`](Self::slow_rate): more than 0, at most 1.
    pub const SHARES: (Bound<f64>, Bound<f64>) = (Bound::Excluded(0.0), Bound::Included(1.0));
    /// Range of [`failures`](Self::failures).
    pub const FAILURES: RangeInclusive<u32> = 1..=1_000_000;
    /// Range of a window of calls.
    pub const WINDOW_CALLS: RangeInclusive<u32> = 1..=100_000;
    /// Range of a window of time: 100 ms to a day.
    pub const WINDOW_TIME: RangeInclusive<Duration> =
        Duration::from_millis(100)..=Duration::from_secs(86_400);
    /// Range of [`min_calls`](Self::min_calls).
    pub const MIN_CALLS: RangeInclusive<u32> = 1..=1_000_000;
    /// Range of [`reset_backoff`](Self::reset_backoff).
    pub const RESET_BACKOFF: RangeInclusive<f64> = 1.0..=100.0;
    /// Range of [`half_open_max_calls`](Self::half_open_max_calls).
    pub const HALF_OPEN_MAX_CALLS: RangeInclusive<u32> = 1..=10_000;
    /// Range of [`success_threshold`](Self::success_threshold).
    pub const SUCCESS_THRESHOLD: RangeInclusive<u32> = 1..=10_000;
}

impl BreakerSettings {
    /// True if a trip looks at the window.
    pub(crate) fn has_rate(&self) -> bool {
        self.failure_rate.is_some() || self.failures.is_some() || self.slow_rate.is_some()
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            fail_max: 5,
            streak_max_age: None,
            failure_rate: None,
            failures: None,
            window: Window::Calls(100),
            min_calls: 20,
            slow_call: None,
            slow_rate: None,
            reset_timeout: Duration::from_secs(30),
            reset_backoff: 1.0,
            reset_max: crate::MAX_DURATION,
            half_open_max_calls: 1,
            success_threshold: 1,
            trial_lease: Duration::from_secs(5),
        }
    }
}

/// Valid [`BreakerSettings`]: the only way to one is through `try_from`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(try_from = "BreakerSettings")]
pub struct BreakerConfig(BreakerSettings);

impl TryFrom<BreakerSettings> for BreakerConfig {
    type Error = InvalidConfig;

    fn try_from(settings: BreakerSettings) -> Result<Self, InvalidConfig> {
        check_trips(&settings)?;
        let BreakerSettings { reset_timeout, reset_max, .. } = settings;
        positive("reset_timeout", reset_timeout)?;
        in_range("reset_backoff", settings.reset_backoff, BreakerSettings::RESET_BACKOFF)?;
        positive("reset_max", reset_max)?;
        at_least("reset_max", reset_max, "reset_timeout", reset_timeout)?;
        let trials = BreakerSettings::HALF_OPEN_MAX_CALLS;
        in_range("half_open_max_calls", settings.half_open_max_calls, trials)?;
        let successes = BreakerSettings::SUCCESS_THRESHOLD;
        in_range("success_threshold", settings.success_threshold, successes)?;
        positive("trial_lease", settings.trial_lease)?;
        Ok(Self(settings))
    }
}

impl BreakerConfig {
    /// Checks that a trial has time for an attempt with this timeout, and that the attempt has time to become slow.
    ///
    /// # Errors
    /// The trial lease is shorter than the timeout, or `slow_call` is not shorter.
    pub fn check_timeout(&self, attempt_timeout: Duration) -> Result<(), InvalidConfig> {
        at_least("trial_lease", self.trial_lease, "attempt_timeout", attempt_timeout)?;
        self.slow_call.map_or(Ok(()), |slow_call| {
            less_than("slow_call", slow_call, "attempt_timeout", attempt_timeout)
        })
    }

    /// The open time of a circuit that has reopened this number of times since it was last closed.
    pub(crate) fn open_time(&self, reopenings: u32) -> Duration {
        let factor = self.reset_backoff.powi(i32::try_from(reopenings).unwrap_or(i32::MAX));
        let seconds = self.reset_timeout.as_secs_f64() * factor;
        // Compared as numbers: the product can be more than a `Duration` can hold.
        if seconds < self.reset_max.as_secs_f64() {
            self.reset_timeout.mul_f64(factor)
        } else {
            self.reset_max
        }
    }
}

impl Deref for BreakerConfig {
    type Target = BreakerSettings;

    fn deref(&self) -> &BreakerSettings {
        &self.0
    }
}

fn check_trips(settings: &BreakerSettings) -> Result<(), InvalidConfig> {
    let BreakerSettings { fail_max, failure_rate, failures, slow_rate, slow_call, .. } = *settings;
    in_range("fail_max", fail_max, BreakerSettings::FAIL_MAX)?;
    if fail_max == 0 && failure_rate.is_none() && failures.is_none() && slow_rate.is_none() {
        let others = &["failure_rate", "failures", "slow_rate"];
        return Err(InvalidConfig::beside("fail_max", fail_max, others));
    }
    settings.streak_max_age.map_or(Ok(()), |max_age| positive("streak_max_age", max_age))?;
    failure_rate.map_or(Ok(()), |share| check_share("failure_rate", share))?;
    failures.map_or(Ok(()), |most| in_range("failures", most, BreakerSettings::FAILURES))?;
    slow_rate.map_or(Ok(()), |share| check_share("slow_rate", share))?;
    slow_call.map_or(Ok(()), |slow_call| positive("slow_call", slow_call))?;
    match (slow_rate, slow_call) {
        (Some(share), None) => {
            return Err(InvalidConfig::beside("slow_rate", share, &["slow_call"]));
        }
        (None, Some(time)) => {
            return Err(InvalidConfig::beside("slow_call", time.as_secs_f64(), &["slow_rate"]));
        }
        _ => {}
    }
    in_range("min_calls", settings.min_calls, BreakerSettings::MIN_CALLS)?;
    match settings.window {
        Window::Calls(calls) => {
            in_range("window", calls, BreakerSettings::WINDOW_CALLS)?;
            at_least("window", calls, "failures", failures.unwrap_or(1))?;
            if failures.is_some() && failure_rate.or(slow_rate).is_none() {
                // No trip needs `min_calls`.
                return Ok(());
            }
            at_least("window", calls, "min_calls", settings.min_calls)
        }
        Window::Time(time) if BreakerSettings::WINDOW_TIME.contains(&time) => Ok(()),
        Window::Time(time) => {
            let (low, high) = BreakerSettings::WINDOW_TIME.into_inner();
            let allowed = format!("seconds, {} to {}", low.as_secs_f64(), high.as_secs_f64());
            Err(invalid("window", time.as_secs_f64(), Allowed::Values(allowed)))
        }
    }
}

fn check_share(field: &'static str, share: f64) -> Result<(), InvalidConfig> {
    if BreakerSettings::SHARES.contains(&share) {
        return Ok(());
    }
    Err(invalid(field, share, Allowed::Values("a number more than 0 and at most 1".to_owned())))
}

fn invalid(field: &'static str, value: impl Display, allowed: Allowed) -> InvalidConfig {
    InvalidConfig { field, value: value.to_string(), allowed }
}
