//! Any requested fault plan is valid or refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn started() -> FaultPlan {
    FaultPlan::try_from(tests::lab()).unwrap()
}

fn outcomes() -> impl Strategy<Value = Vec<&'static str>> {
    let names = prop::sample::select(&["ok", "fail", "slow", "transient", "hang", "reset"][..]);
    prop::collection::vec(names, 1..20)
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-0.2_f64..1.2).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (3_599.0_f64..3_601.0).prop_map(Value::from),
        Just(json!(-0.0)),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        outcomes().prop_map(Value::from),
        prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
    ]
}

const FIELDS: [&str; 7] = [
    "failure_rate",
    "slow_response_rate",
    "slow_response_delay",
    "transient_failure_rate",
    "sequence",
    "repeat",
    "failurerate",
];

/// The rules, checked on the JSON instead of the fields.
fn oracle(asked: &serde_json::Map<String, Value>) -> bool {
    let number = |field: &str, default: f64| match asked.get(field) {
        None => Some(default),
        Some(value) => value.as_f64(),
    };
    let rate = |field, default| number(field, default).filter(|rate| (0.0..=1.0).contains(rate));
    let rates = rate("failure_rate", 0.3).zip(rate("slow_response_rate", 0.2));
    let is_name = |name: &Value| {
        name.as_str().is_some_and(|name| {
            ["ok", "fail", "slow", "transient", "hang", "reset"].contains(&name)
        })
    };
    let sequence = asked.get("sequence").filter(|value| !value.is_null());
    let sequence_is_right = sequence.is_none_or(|value| {
        value.as_array().is_some_and(|names| !names.is_empty() && names.iter().all(is_name))
    });
    let repeat_is_right = asked
        .get("repeat")
        .is_none_or(|repeat| repeat.as_bool().is_some_and(|repeat| !repeat || sequence.is_some()));
    rates.is_some_and(|(failure, slow)| failure + slow <= 1.0 + ROUNDING)
        && rate("transient_failure_rate", 0.6).is_some()
        && number("slow_response_delay", 5.0).is_some_and(|delay| (0.0..=3600.0).contains(&delay))
        && sequence_is_right
        && repeat_is_right
        && !asked.contains_key("failurerate")
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn a_plan_obeys_every_rule_or_is_refused(
        asked in prop::collection::btree_map(prop::sample::select(&FIELDS[..]), values(), 0..4)
    ) {
        let asked: serde_json::Map<_, _> =
            asked.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        let body = Value::from(asked.clone()).to_string();
        let request = serde_json::from_str::<PlanRequest>(&body).map_err(|error| error.to_string());
        match request.and_then(|request| request.on(&started()).map_err(|error| error.to_string())) {
            Ok(plan) => {
                prop_assert!(oracle(&asked), "{} is taken", body);
                let shown = serde_json::to_string(&plan).unwrap();
                prop_assert!(!shown.contains("-0"), "{}", shown);
                // A shown plan can be PUT again, and takes one line in the log.
                let again: PlanRequest = serde_json::from_str(&shown).unwrap();
                let again = again.on(&started()).unwrap();
                prop_assert_eq!(again.sequence(), plan.sequence());
                let near = |a: Rate, b: Rate| (a.get() - b.get()).abs() < 1e-12;
                prop_assert!(near(again.failure_rate(), plan.failure_rate()));
                prop_assert!(!plan.to_string().contains(char::is_control));
                prop_assert!(plan.to_string().len() < 2_000, "{}", plan);
            }
            Err(error) => prop_assert!(!oracle(&asked) && !error.is_empty(), "{}: {}", body, error),
        }
    }

    #[test]
    fn any_body_is_parsed_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = serde_json::from_slice::<PlanRequest>(&body) {
            let _ = request.on(&started());
        }
    }

    #[test]
    fn a_failure_rate_header_is_a_number_from_0_to_1(
        text in prop_oneof![any::<String>(), any::<f64>().prop_map(|n| n.to_string()), "[-+]?[01]?[.,]?[0-9]{0,30}(e-?[0-9]{1,3})?"]
    ) {
        let number = text.parse::<f64>().ok().filter(|number| *number >= 0.0 && *number <= 1.0);
        prop_assert_eq!(text.parse::<Rate>().ok().map(Rate::get), number);
        prop_assert!(text.parse::<Rate>().is_ok_and(|rate| rate.get().is_sign_positive()) || number.is_none());
    }
}

#[test]
fn negative_zero_is_stored_as_zero() {
    for zero in ["-0", "-0.0", "1e-400", "-1e-400"] {
        let rate: Rate = zero.parse().unwrap();
        assert!(rate.get().is_sign_positive(), "{zero}");
    }
}
