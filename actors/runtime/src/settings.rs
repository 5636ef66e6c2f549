//! How calls to one upstream are made.

use std::{
    ops::{Deref, RangeInclusive},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    chaos::Chaos,
    config::{InvalidConfig, at_least, in_range, less_than, positive},
    hedge::{Hedge, HedgeDelay},
    limit::{Concurrency, Rate},
    quiet::QuietPeriod,
    retry::{Retry, RetryBudget},
    throttle::Throttle,
    variant::CallVariant,
};

/// Which failures the breaker is told of while the circuit is closed. It is always told of failures of trials, and of
/// outcomes that count at once (see [`Outcome`](crate::Outcome)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum BreakerScope {
    /// The last attempt's: a failure that a retry repaired does not count.
    Call,
    /// Every attempt's.
    Attempt,
}

/// How calls are made. Becomes a [`CallConfig`] once it is found valid. By default a call is one attempt without a time
/// limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallSettings {
    /// How often a call is tried, and how long it waits between attempts.
    pub retry: Option<Retry>,
    /// How many retries the upstream may see, default no limit. Requires `retry` or `hedge`.
    pub retry_budget: Option<RetryBudget>,
    /// Timeout of an attempt, over connect, head and body: one of [`DURATIONS`](crate::DURATIONS).
    #[serde(with = "crate::seconds::optional")]
    pub attempt_timeout: Option<Duration>,
    /// Time for a call, waits included: one of [`DURATIONS`](crate::DURATIONS), no less than an attempt's.
    #[serde(with = "crate::seconds::optional")]
    pub call_deadline: Option<Duration>,
    /// How often an attempt that never reached the upstream is repeated at once, on a fresh connection and within its
    /// own timeout: [`CONNECT_RETRIES`](Self::CONNECT_RETRIES), default 0.
    pub connect_retries: u32,
    /// Which failures the breaker is told of, default [`BreakerScope::Call`].
    pub scope: BreakerScope,
    /// How soon attempts are rejected instead of being made at an upstream that refuses many, default never.
    pub throttle: Option<Throttle>,
    /// How many attempts may be made in a period, default no limit. The wait for one is no longer than `call_deadline`.
    pub rate: Option<Rate>,
    /// How many attempts may be in flight, default no limit.
    pub concurrency: Option<Concurrency>,
    /// When a further attempt is made beside one that takes long, default never.
    pub hedge: Option<Hedge>,
    /// Whether all calls stay away when the upstream asks one to wait, default no.
    pub quiet_period: Option<QuietPeriod>,
    /// Which share of the attempts gets a fault, for tests and game days, default none.
    pub chaos: Option<Chaos>,
    /// Other settings, of calls that [choose](crate::CallOptions::variant) them. Default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<CallVariant>,
}

impl CallSettings {
    /// Range of [`connect_retries`](Self::connect_retries).
    pub const CONNECT_RETRIES: RangeInclusive<u32> = 0..=100;

    /// The settings of the calls that choose a variant of these.
    fn of_variant(&self, variant: &CallVariant) -> Self {
        let CallVariant { retry, attempt_timeout, call_deadline, hedge } = variant.clone();
        let variants = Vec::new();
        Self { retry, attempt_timeout, call_deadline, hedge, variants, ..self.clone() }
    }

    /// The settings of fault injection, if some attempts get a fault.
    pub(crate) fn chaos_if_on(&self) -> Option<&Chaos> {
        self.chaos.as_ref().filter(|chaos| chaos.is_on())
    }
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            retry: None,
            retry_budget: None,
            attempt_timeout: None,
            call_deadline: None,
            connect_retries: 0,
            scope: BreakerScope::Call,
            throttle: None,
            rate: None,
            concurrency: None,
            hedge: None,
            quiet_period: None,
            chaos: None,
            variants: Vec::new(),
        }
    }
}

/// Valid [`CallSettings`]: the only way to one is through `try_from`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(try_from = "CallSettings", into = "CallSettings")]
pub struct CallConfig(CallSettings);

impl TryFrom<CallSettings> for CallConfig {
    type Error = InvalidConfig;

    fn try_from(settings: CallSettings) -> Result<Self, InvalidConfig> {
        settings.retry.as_ref().map_or(Ok(()), Retry::validate)?;
        if let Some(budget) = &settings.retry_budget {
            budget.validate()?;
            if settings.retry.is_none() && settings.hedge.is_none() {
                let (share, others) = (budget.retry_budget, &["retry", "hedge"]);
                return Err(InvalidConfig::beside("retry_budget", share, others));
            }
        }
        settings.throttle.as_ref().map_or(Ok(()), Throttle::validate)?;
        settings.rate.as_ref().map_or(Ok(()), Rate::validate)?;
        settings.concurrency.as_ref().map_or(Ok(()), Concurrency::validate)?;
        settings.hedge.as_ref().map_or(Ok(()), Hedge::validate)?;
        settings.quiet_period.as_ref().map_or(Ok(()), QuietPeriod::validate)?;
        settings.chaos.as_ref().map_or(Ok(()), Chaos::validate)?;
        let CallSettings { attempt_timeout, call_deadline, connect_retries, .. } = settings;
        if let Some(timeout) = attempt_timeout {
            positive("attempt_timeout", timeout)?;
            if let Some(HedgeDelay::Time(delay)) = settings.hedge.as_ref().map(|it| it.hedge_after)
            {
                less_than("hedge_after", delay, "attempt_timeout", timeout)?;
            }
        }
        if let Some(deadline) = call_deadline {
            positive("call_deadline", deadline)?;
            let least = attempt_timeout.unwrap_or_default();
            at_least("call_deadline", deadline, "attempt_timeout", least)?;
            waits_fit(&settings, deadline)?;
        }
        in_range("connect_retries", connect_retries, CallSettings::CONNECT_RETRIES)?;
        for variant in &settings.variants {
            // The retry budget is that of all calls, and has been checked.
            Self::try_from(CallSettings { retry_budget: None, ..settings.of_variant(variant) })?;
        }
        Ok(Self(settings))
    }
}

/// The first attempt has its whole timeout, also after the longest waits for a token and a place. So a hanging upstream
/// is not hidden from the breaker by a deadline, and no call lasts longer than its deadline.
fn waits_fit(settings: &CallSettings, deadline: Duration) -> Result<(), InvalidConfig> {
    let mut left = deadline.saturating_sub(settings.attempt_timeout.unwrap_or_default());
    let for_token = settings.rate.as_ref().map_or(Duration::ZERO, |rate| rate.rate_wait);
    let limit = settings.concurrency.as_ref().filter(|limit| limit.concurrency_queue > 0);
    let for_place = limit.map_or(Duration::ZERO, |limit| limit.concurrency_wait);
    for (field, wait) in [("rate_wait", for_token), ("concurrency_wait", for_place)] {
        if wait > left {
            return Err(InvalidConfig::does_not_fit(field, wait, "call_deadline", deadline));
        }
        left -= wait;
    }
    Ok(())
}

impl From<CallConfig> for CallSettings {
    fn from(config: CallConfig) -> Self {
        config.0
    }
}

impl CallConfig {
    /// As [`CallSettings::of_variant`].
    pub(crate) fn of_variant(&self, variant: &CallVariant) -> Self {
        // They were checked with these.
        Self(self.0.of_variant(variant))
    }
}

impl Deref for CallConfig {
    type Target = CallSettings;

    fn deref(&self) -> &CallSettings {
        &self.0
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
