use resilience_actors::State;

use super::*;

fn parse(json: &str) -> Result<StressPlan, String> {
    serde_json::from_str::<StressRequest>(json)
        .map_err(|error| error.to_string())
        .and_then(StressRequest::validate)
}

#[test]
fn an_empty_object_means_the_documented_defaults() {
    assert_eq!(parse("{}"), Ok(StressPlan(StressRequest::default())));
}

#[test]
fn a_null_failure_rate_keeps_the_rate_of_the_backend() {
    let StressPlan(plan) = parse(r#"{"failure_rate": null}"#).unwrap();
    assert_eq!(plan.failure_rate, None);
}

#[test]
fn an_out_of_range_or_wrongly_typed_field_is_named_in_the_error() {
    for (field, values) in [
        ("num_requests", ["0", "10001", "-1", "1.5", "\"20\"", "null"]),
        ("concurrency", ["0", "257", "-1", "1.5", "\"2\"", "null"]),
        ("failure_rate", ["-0.1", "1.1", "\"high\"", "[]", "{}", "true"]),
        ("retry", ["0", "1", "\"yes\"", "null", "[]", "{}"]),
        ("interval_seconds", ["-1", "10.1", "\"1\"", "null", "[]", "true"]),
        ("requests", ["1", "2", "3", "4", "5", "6"]),
    ] {
        for value in values {
            assert!(parse(&format!("{{\"{field}\": {value}}}")).is_err(), "{field} {value}");
        }
    }
    let error = parse(r#"{"concurrency": 257}"#).unwrap_err();
    assert_eq!(error, "concurrency = 257 is not valid: expected a number from 1 to 256");
}

#[test]
fn quantiles_use_the_nearest_rank() {
    let results: Vec<_> = (1..=200)
        .map(|request_num| StressResult {
            request_num,
            status_code: if request_num <= 5 { 500 } else { 503 },
            stale: false,
            circuit_breaker_state: State::Open,
            elapsed_time_seconds: f64::from(201 - request_num),
        })
        .collect();
    let Latency { p50, p90, p99, max } = latency(&results).unwrap();
    assert_eq!([p50, p90, p99, max], [100.0, 180.0, 198.0, 200.0]);
    assert_eq!(by_status(&results), BTreeMap::from([(500, 5), (503, 195)]));
    assert!(latency(&[]).is_none());
}
