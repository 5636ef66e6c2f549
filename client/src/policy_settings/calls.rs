//! The settings `RETRY_*`, `ATTEMPT_TIMEOUT`, `CALL_DEADLINE`, `CONNECT_RETRIES`, `BREAKER_SCOPE` and the optional
//! policies.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use resilience_actors::{
    BreakerScope, CallConfig, CallSettings, CallVariant, Chaos, Concurrency, DURATIONS, Hedge,
    QuietPeriod, Rate, Retry, RetryBudget, Throttle,
};
use serde::{Serialize, Serializer};
use service_edge::{SettingError, Settings};
use utoipa::ToSchema;

use super::{
    chaos, concurrency, hedge, names::named, priority, rate, retry, retry_after, retry_budget,
    throttle,
};

/// How calls are made. Unlike in the runtime, the time limits are not optional.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Calls {
    /// `RETRY_*`.
    #[serde(flatten)]
    pub retry: Retry,
    /// `ATTEMPT_TIMEOUT`.
    #[serde(serialize_with = "in_seconds")]
    #[schema(value_type = f64)]
    pub attempt_timeout: Duration,
    /// `CALL_DEADLINE`.
    #[serde(serialize_with = "in_seconds")]
    #[schema(value_type = f64)]
    pub call_deadline: Duration,
    /// `CONNECT_RETRIES`.
    pub connect_retries: u32,
    /// `BREAKER_SCOPE`.
    pub scope: BreakerScope,
    /// `RETRY_BUDGET` and `RETRY_BUDGET_MIN`.
    #[serde(skip)]
    pub retry_budget: Option<RetryBudget>,
    /// `THROTTLE` and `THROTTLE_RATIO`.
    #[serde(skip)]
    pub throttle: Option<Throttle>,
    /// `RATE_*`.
    #[serde(skip)]
    pub rate: Option<Rate>,
    /// `CONCURRENCY_*`.
    #[serde(skip)]
    pub concurrency: Option<Concurrency>,
    /// `PRIORITY_HEADER`: the header in which requests say how important they are.
    #[serde(skip)]
    pub priority_header: Option<HeaderName>,
    /// `HEDGE_*`.
    #[serde(skip)]
    pub hedge: Option<Hedge>,
    /// `RETRY_AFTER_*`.
    #[serde(skip)]
    pub quiet_period: Option<QuietPeriod>,
    /// `CHAOS_*`.
    #[serde(skip)]
    pub chaos: Option<Chaos>,
}

impl Calls {
    /// Converts to the settings of an upstream.
    pub fn settings(&self) -> CallSettings {
        CallSettings {
            retry: Some(self.retry.clone()),
            retry_budget: self.retry_budget.clone(),
            attempt_timeout: Some(self.attempt_timeout),
            call_deadline: Some(self.call_deadline),
            connect_retries: self.connect_retries,
            scope: self.scope,
            throttle: self.throttle.clone(),
            rate: self.rate.clone(),
            concurrency: self.concurrency.clone(),
            hedge: self.hedge.clone(),
            quiet_period: self.quiet_period,
            chaos: self.chaos.clone(),
            variants: Vec::new(),
        }
    }

    /// Converts to a variant of the settings of an upstream: what a route can have of its own.
    pub(super) fn variant(&self) -> CallVariant {
        CallVariant {
            retry: Some(self.retry.clone()),
            attempt_timeout: Some(self.attempt_timeout),
            call_deadline: Some(self.call_deadline),
            hedge: self.hedge.clone(),
        }
    }
}

fn in_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

pub(super) fn read(settings: &mut Settings<'_>) -> Result<Calls, SettingError> {
    let scopes = [("call", BreakerScope::Call), ("attempt", BreakerScope::Attempt)];
    let scope = settings.choice("BREAKER_SCOPE", "call", &scopes)?;
    let retry = retry::read(settings)?;
    let retry_budget = retry_budget::read(settings)?;
    let quiet_period = retry_after::read(settings)?;
    let attempt_timeout = settings.seconds("ATTEMPT_TIMEOUT", Duration::from_secs(3), DURATIONS)?;
    let connect_retries = settings.integer("CONNECT_RETRIES", 2, CallSettings::CONNECT_RETRIES)?;
    let call_deadline = settings.seconds("CALL_DEADLINE", Duration::from_secs(30), DURATIONS)?;
    let throttle = throttle::read(settings)?;
    let rate = rate::read(settings)?;
    let mut concurrency = concurrency::read(settings)?;
    let priority_header = priority::read(settings, &mut concurrency, throttle.as_ref())?;
    let hedge = hedge::read(settings)?;
    let chaos = chaos::read(settings)?;
    let calls = Calls {
        retry,
        retry_budget,
        attempt_timeout,
        call_deadline,
        connect_retries,
        scope,
        throttle,
        rate,
        concurrency,
        priority_header,
        hedge,
        quiet_period,
        chaos,
    };
    CallConfig::try_from(calls.settings()).map_err(named)?;
    Ok(calls)
}
