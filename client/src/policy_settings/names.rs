//! The variable of each field of the runtime's settings.

use std::fmt::Display;

use resilience_actors::{Allowed, InvalidConfig};
use service_edge::SettingError;

/// Converts the runtime's error. The new error names variables instead of fields.
pub(super) fn named(InvalidConfig { field, value, allowed }: InvalidConfig) -> SettingError {
    let allowed = match allowed {
        Allowed::Values(values) => values,
        Allowed::Compared { relation, field, value } => {
            format!("{relation} {}={value}", variable(field))
        }
        Allowed::With { values, field, value } => {
            format!("{values} with {}={value}", variable(field))
        }
        Allowed::Beside(others) => {
            let others: Vec<_> = others.iter().map(|field| variable(field)).collect();
            format!("{} to be set", others.join(" or "))
        }
    };
    SettingError::new(variable(field), value, allowed)
}

/// Refuses a value that means nothing unless the variable `other` is set.
pub(crate) fn needs(
    name: &'static str,
    value: Option<impl Display>,
    other: &'static str,
) -> Result<(), SettingError> {
    let refused = |value: String| SettingError::new(name, value, format!("{other} to be set"));
    value.map_or(Ok(()), |value| Err(refused(value.to_string())))
}

/// The variable that sets a field of the breaker's or the calls' settings.
fn variable(field: &str) -> String {
    let prefix = match field {
        "max_attempts" | "base_delay" | "backoff" | "multiplier" | "max_delay" | "jitter"
        | "jitter_mode" => "RETRY_",
        "retry_budget"
        | "retry_budget_min"
        | "attempt_timeout"
        | "call_deadline"
        | "connect_retries"
        | "throttle_ratio"
        | "rate_limit"
        | "rate_period"
        | "rate_burst"
        | "rate_wait"
        | "concurrency_max"
        | "concurrency_floor"
        | "concurrency_ceiling"
        | "concurrency_queue"
        | "concurrency_wait"
        | "hedge_after"
        | "hedge_max"
        | "retry_after_max"
        | "chaos_failure_rate"
        | "chaos_delay_rate"
        | "chaos_delay"
        | "chaos_panic_rate"
        | "chaos_seed" => "",
        _ => "BREAKER_",
    };
    format!("{prefix}{}", field.to_uppercase())
}
