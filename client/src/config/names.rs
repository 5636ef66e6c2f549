//! The variables behind the fields of the runtime's settings.

use resilience_actors::{Allowed, InvalidConfig};
use service_edge::SettingError;

/// The runtime's refusal, in terms of the variables that the values came from.
pub(super) fn named(InvalidConfig { field, value, allowed }: InvalidConfig) -> SettingError {
    let allowed = match allowed {
        Allowed::Values(values) => values,
        Allowed::Compared { relation, field, value } => {
            format!("{relation} {}={value}", variable(field))
        }
        Allowed::Beside(others) => {
            let others: Vec<_> = others.iter().map(|field| variable(field)).collect();
            format!("{} to be set", others.join(" or "))
        }
    };
    SettingError::new(variable(field), value, allowed)
}

/// The variable that sets a field of the breaker's or the calls' settings.
fn variable(field: &str) -> String {
    let prefix = match field {
        "max_attempts" | "base_delay" | "multiplier" | "max_delay" | "jitter" => "RETRY_",
        "attempt_timeout" | "call_deadline" | "connect_retries" => "",
        _ => "BREAKER_",
    };
    format!("{prefix}{}", field.to_uppercase())
}
