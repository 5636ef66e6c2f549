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
};

/// Which failures the breaker is told of while the circuit is closed. It is always told of failures of trials, and of
/// outcomes that count at once (see [`Outcome`](crate::Outcome)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl CallSettings {
    /// Range of [`connect_retries`](Self::connect_retries).
    pub const CONNECT_RETRIES: RangeInclusive<u32> = 0..=100;

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
        Ok(Self(settings))
    }
}

/// The first attempt has its whole timeout, also after the longest waits for a token and a place. So a hanging upstream is
/// not hidden from the breaker by a deadline, and no call lasts longer than its deadline.
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

impl Deref for CallConfig {
    type Target = CallSettings;

    fn deref(&self) -> &CallSettings {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::Backoff;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(CallConfig::try_from(CallSettings::default()), Ok(CallConfig::default()));
        assert_eq!(Retry::default().validate(), Ok(()));
        assert_eq!(Retry::exponential(Duration::from_secs(60)).validate(), Ok(()));
    }

    #[test]
    fn contradicting_settings_are_both_named_in_the_error() {
        let retry = Retry { base_delay: Duration::from_secs(11), ..Retry::default() };
        assert_eq!(
            retry.validate().unwrap_err().to_string(),
            "max_delay = 10 is not valid: expected no less than base_delay = 11"
        );
    }

    #[test]
    fn a_setting_without_effect_names_the_setting_that_takes_it() {
        let retry = Retry::default;
        let decorrelated = retry().decorrelated_jitter();
        for (retry, error) in [
            (
                Retry { backoff: Backoff::Linear, ..decorrelated.clone() },
                "jitter_mode = decorrelated is not valid: expected proportional or full with backoff = linear",
            ),
            (
                Retry { multiplier: 3.0, ..decorrelated },
                "multiplier = 3 is not valid: expected 2 with jitter_mode = decorrelated",
            ),
            (
                Retry { multiplier: 3.0, backoff: Backoff::Constant, ..retry() },
                "multiplier = 3 is not valid: expected 2 with backoff = constant",
            ),
        ] {
            assert_eq!(retry.validate().unwrap_err().to_string(), error);
        }
        assert_eq!(Retry { multiplier: 3.0, ..retry().full_jitter() }.validate(), Ok(()));
    }

    #[test]
    fn waits_at_gates_and_a_hedge_fit_into_the_time_of_the_call() {
        let settings = CallSettings {
            attempt_timeout: Some(Duration::from_secs(3)),
            call_deadline: Some(Duration::from_secs(6)),
            ..CallSettings::default()
        };
        let check = |settings: CallSettings| {
            CallConfig::try_from(settings).map_err(|error: InvalidConfig| error.to_string())
        };
        let queue = |wait| Concurrency::at_most(1).queue(1).wait(Duration::from_secs(wait));
        let limited =
            |concurrency| CallSettings { concurrency: Some(concurrency), ..settings.clone() };
        assert!(check(limited(queue(3))).is_ok());
        assert!(check(limited(Concurrency::at_most(1).wait(Duration::from_secs(9)))).is_ok());
        assert_eq!(
            check(limited(queue(4))).unwrap_err(),
            "concurrency_wait = 4 is not valid: expected no more, with the attempt timeout and other waits, than \
             call_deadline = 6"
        );
        let both = CallSettings {
            rate: Some(Rate::per_second(1).wait(Duration::from_secs(2))),
            ..limited(queue(2))
        };
        assert!(check(both).unwrap_err().starts_with("concurrency_wait = 2 "));
        let hedge = Some(Hedge::after(Duration::from_secs(3)));
        assert_eq!(
            check(CallSettings { hedge, ..settings.clone() }).unwrap_err(),
            "hedge_after = 3 is not valid: expected less than attempt_timeout = 3"
        );
    }

    #[test]
    fn a_retry_budget_requires_retries_and_must_allow_some() {
        let (retry, budget) = (Some(Retry::default()), RetryBudget::share);
        let check = |retry, budget: RetryBudget| {
            let settings =
                CallSettings { retry, retry_budget: Some(budget), ..CallSettings::default() };
            CallConfig::try_from(settings).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(check(retry.clone(), budget(0.0)), Ok(()));
        assert_eq!(
            check(None, budget(0.2)).unwrap_err(),
            "retry_budget = 0.2 is not valid: expected retry or hedge to be set"
        );
        assert_eq!(
            check(retry, budget(0.0).min_per_second(0.0)).unwrap_err(),
            "retry_budget = 0 is not valid: expected more than 0 with retry_budget_min = 0"
        );
    }

    #[test]
    fn an_out_of_range_setting_is_named_in_the_error() {
        let retry = |retry| CallSettings { retry: Some(retry), ..CallSettings::default() };
        let budget =
            |budget| CallSettings { retry_budget: Some(budget), ..retry(Retry::default()) };
        let (default, second) = (Retry::default, Duration::from_secs(1));
        let times = |attempt_timeout, call_deadline| CallSettings {
            attempt_timeout: Some(attempt_timeout),
            call_deadline: Some(call_deadline),
            ..CallSettings::default()
        };
        let waiting = Rate::per_second(1).wait(3 * second);
        let bad = [
            ("max_attempts", retry(Retry { max_attempts: 0, ..default() })),
            ("base_delay", retry(Retry { base_delay: Duration::ZERO, ..default() })),
            ("multiplier", retry(Retry { multiplier: 0.5, ..default() })),
            ("multiplier", retry(Retry { multiplier: f64::NAN, ..default() })),
            ("max_delay", retry(Retry { max_delay: Duration::MAX, ..default() })),
            ("max_delay", retry(Retry { max_delay: Duration::from_millis(999), ..default() })),
            ("jitter", retry(Retry { jitter: 1.1, ..default() })),
            ("jitter", retry(Retry { jitter: -0.1, ..default() })),
            ("retry_budget", budget(RetryBudget::share(1.1))),
            ("retry_budget_min", budget(RetryBudget::share(0.2).min_per_second(-1.0))),
            ("attempt_timeout", times(Duration::ZERO, second)),
            ("call_deadline", times(second, Duration::ZERO)),
            ("call_deadline", times(second, second / 2)),
            ("rate_wait", CallSettings { rate: Some(waiting), ..times(second, 2 * second) }),
            (
                "throttle_ratio",
                CallSettings { throttle: Some(Throttle::ratio(0.9)), ..Default::default() },
            ),
            ("connect_retries", CallSettings { connect_retries: 101, ..Default::default() }),
        ];
        for (field, settings) in bad {
            let error = CallConfig::try_from(settings).unwrap_err();
            assert_eq!(error.field, field, "{error}");
        }
    }

    #[test]
    fn deserialized_durations_are_seconds_and_settings_are_validated() {
        let read = |json: &str| serde_json::from_str::<CallConfig>(json);
        let config = read(r#"{"retry": {"max_attempts": 2}, "attempt_timeout": 0.5}"#).unwrap();
        assert_eq!(config.attempt_timeout, Some(Duration::from_millis(500)));
        assert_eq!((config.retry.clone().unwrap().max_attempts, config.call_deadline), (2, None));
        let again = serde_json::to_string(&config).unwrap();
        assert_eq!(read(&again).unwrap(), config);
        for (json, error) in [
            (r#"{"attempt_timeout": 0}"#, "attempt_timeout = 0 is not valid: expected seconds"),
            (r#"{"attempt_timeout": -1}"#, "expected seconds"),
            (r#"{"retry": {"max_attempt": 2}}"#, "unknown field `max_attempt`"),
        ] {
            let told = read(json).unwrap_err().to_string();
            assert!(told.contains(error), "{told}");
        }
    }
}
