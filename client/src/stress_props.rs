use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-2_i64..300).prop_map(Value::from),
        (9_990_i64..10_010).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-0.5_f64..11.0).prop_map(Value::from),
        Just(json!(-0.0)),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    /// Checks one field at a time, so that only its own bounds matter.
    #[test]
    fn a_field_is_within_its_bounds_or_refused(value in numbers()) {
        let whole = |most: u64| value.as_u64().is_some_and(|number| (1..=most).contains(&number));
        let real = |most: f64| value.as_f64().is_some_and(|number| (0.0..=most).contains(&number));
        for (field, is_right) in [
            ("num_requests", whole(10_000)),
            ("concurrency", whole(256)),
            ("failure_rate", real(1.0) || value.is_null()),
            ("retry", value.is_boolean()),
            ("interval_seconds", real(10.0)),
        ] {
            let body = json!({ field: value }).to_string();
            let read = serde_json::from_str::<StressRequest>(&body).map_err(|error| error.to_string());
            match read.and_then(StressRequest::validate) {
                Ok(StressPlan(plan)) => {
                    prop_assert!(is_right, "{}", body);
                    prop_assert!(Duration::try_from_secs_f64(plan.interval_seconds).is_ok());
                }
                Err(error) => prop_assert!(!is_right && !error.is_empty(), "{}: {}", body, error),
            }
        }
    }

    #[test]
    fn any_body_is_parsed_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = serde_json::from_slice::<StressRequest>(&body) {
            let _ = request.validate();
        }
    }
}
