//! What differs between two settings, in words.

use serde::Serialize;
use serde_json::{Map, Value};

/// Each setting that differs, such as `attempt_timeout 3 -> 2`. Of a policy, its settings are named; of a policy that
/// is off, each is `none`.
pub(crate) fn changes<S: Serialize>(before: &S, after: &S) -> Vec<String> {
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let text = |fields: &Map<_, _>, name| fields.get(name).map_or_else(none, shown);
    names
        .into_iter()
        .map(|name| (name, text(&before, name), text(&after, name)))
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| format!("{name} {before} -> {after}"))
        .collect()
}

/// The settings by name: those of a policy have names of their own.
fn fields(settings: &impl Serialize) -> Map<String, Value> {
    // Settings are structs of numbers, texts and structs, which always serialise.
    let Ok(Value::Object(fields)) = serde_json::to_value(settings) else { return Map::new() };
    let (policies, mut settings): (Map<_, _>, Map<_, _>) =
        fields.into_iter().partition(|(_, value)| value.is_object());
    for (_, policy) in policies {
        if let Value::Object(fields) = policy {
            settings.extend(fields);
        }
    }
    settings.retain(|_, value| !value.is_null());
    settings
}

fn none() -> String {
    "none".to_owned()
}

/// `3`, `call`, or `auto ceiling 200 floor 4`.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => none(),
        Value::String(text) => text.clone(),
        // Without the fraction of whole seconds.
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name} {}", shown(value)));
            fields.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{CallSettings, Concurrency, ConcurrencyMax, Hedge, Retry};

    #[test]
    fn only_what_differs_is_named() {
        let old = CallSettings {
            retry: Some(Retry::default()),
            attempt_timeout: Some(Duration::from_secs(3)),
            ..CallSettings::default()
        };
        let new = CallSettings {
            retry: Some(Retry { max_attempts: 2, ..Retry::default() }),
            attempt_timeout: Some(Duration::from_millis(2_500)),
            ..CallSettings::default()
        };
        assert_eq!(changes(&old, &new), ["attempt_timeout 3 -> 2.5", "max_attempts 4 -> 2"]);
        assert_eq!(changes(&new, &new), [""; 0]);
    }

    #[test]
    fn the_settings_of_a_policy_that_is_off_are_none() {
        let off = CallSettings::default();
        let on = CallSettings { hedge: Some(Hedge::after_percentile(0.95)), ..off.clone() };
        let shown = ["hedge_after none -> percentile 0.95", "hedge_max none -> 1"];
        assert_eq!(changes(&off, &on), shown);
        let limited = |limit| CallSettings { concurrency: Some(limit), ..CallSettings::default() };
        let fixed = Concurrency::at_most(7);
        let auto = Concurrency { concurrency_max: ConcurrencyMax::AUTO, ..fixed.clone() };
        assert_eq!(
            changes(&limited(fixed), &limited(auto)),
            ["concurrency_max fixed 7 -> auto ceiling 200 floor 4"]
        );
    }
}
