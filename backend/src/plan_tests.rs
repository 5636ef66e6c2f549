use serde_json::json;

use super::*;

pub(super) fn lab() -> PlanSpec {
    PlanSpec {
        failure_rate: 0.3,
        slow_response_rate: 0.2,
        slow_response_delay: 5.0,
        transient_failure_rate: 0.6,
        sequence: None,
        repeat: false,
    }
}

fn asked(body: serde_json::Value) -> Result<FaultPlan, String> {
    let request: PlanRequest = serde_json::from_value(body).map_err(|e| e.to_string())?;
    request.on(&FaultPlan::try_from(lab()).unwrap()).map_err(|e| e.to_string())
}

#[test]
fn values_at_their_bounds_are_valid() {
    for spec in [
        PlanSpec { failure_rate: 0.0, slow_response_rate: 0.0, ..lab() },
        PlanSpec { failure_rate: 1.0, slow_response_rate: 0.0, ..lab() },
        PlanSpec { failure_rate: 0.0, slow_response_rate: 1.0, ..lab() },
        PlanSpec { slow_response_delay: 0.0, transient_failure_rate: 0.0, ..lab() },
        PlanSpec { slow_response_delay: 3600.0, transient_failure_rate: 1.0, ..lab() },
        PlanSpec { sequence: Some(vec![Outcome::Ok; MAX_SEQUENCE]), repeat: true, ..lab() },
    ] {
        assert!(FaultPlan::try_from(spec.clone()).is_ok(), "{spec:?}");
    }
}

#[test]
fn decimal_rates_that_add_up_to_one_are_valid() {
    for tenths in 0..=10 {
        let failure_rate = f64::from(tenths) * 0.1;
        let slow_response_rate = f64::from(10 - tenths) * 0.1;
        let spec = PlanSpec { failure_rate, slow_response_rate, ..lab() };
        assert!(FaultPlan::try_from(spec).is_ok(), "{failure_rate} + {slow_response_rate}");
    }
}

#[test]
fn each_broken_rule_is_named() {
    for (spec, named) in [
        (PlanSpec { failure_rate: -0.1, ..lab() }, "failure_rate is -0.1"),
        (PlanSpec { failure_rate: f64::NAN, ..lab() }, "failure_rate is NaN"),
        (PlanSpec { slow_response_rate: 1.1, ..lab() }, "slow_response_rate is 1.1"),
        (PlanSpec { transient_failure_rate: 60.0, ..lab() }, "transient_failure_rate is 60"),
        (PlanSpec { slow_response_delay: 3600.5, ..lab() }, "slow_response_delay is 3600.5"),
        (PlanSpec { slow_response_delay: f64::INFINITY, ..lab() }, "slow_response_delay is inf"),
        (PlanSpec { failure_rate: 1.0, ..lab() }, "must not add up to more than 1"),
        (PlanSpec { sequence: Some(vec![]), ..lab() }, "sequence has 0 outcomes"),
        (
            PlanSpec { sequence: Some(vec![Outcome::Ok; MAX_SEQUENCE + 1]), ..lab() },
            "sequence has 10001 outcomes",
        ),
        (PlanSpec { repeat: true, ..lab() }, "no sequence to repeat"),
    ] {
        let error = FaultPlan::try_from(spec).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn empty_request_restores_the_plan_of_the_start() {
    assert_eq!(asked(json!({})).unwrap(), FaultPlan::try_from(lab()).unwrap());
}

#[test]
fn omitted_fields_take_their_start_values() {
    let plan = asked(json!({ "failure_rate": 0.8, "sequence": ["hang", "ok"], "repeat": true }));
    let expected = PlanSpec {
        failure_rate: 0.8,
        sequence: Some(vec![Outcome::Hang, Outcome::Ok]),
        repeat: true,
        ..lab()
    };
    assert_eq!(plan.unwrap(), FaultPlan::try_from(expected).unwrap());
}

#[test]
fn plan_that_was_read_can_be_put_back() {
    let spec = PlanSpec { sequence: Some(vec![Outcome::Reset, Outcome::Transient]), ..lab() };
    let plan = FaultPlan::try_from(spec).unwrap();
    let read = serde_json::to_value(&plan).unwrap();
    assert_eq!(
        read,
        json!({
            "failure_rate": 0.3,
            "slow_response_rate": 0.2,
            "slow_response_delay": 5.0,
            "transient_failure_rate": 0.6,
            "sequence": ["reset", "transient"],
            "repeat": false,
        })
    );
    assert_eq!(asked(read).unwrap(), plan);
}

#[test]
fn request_of_the_wrong_shape_is_refused() {
    for (body, named) in [
        (json!({ "failure_rate": "0.3" }), "expected f64"),
        (json!({ "failure_rate": null }), "expected f64"),
        (json!({ "repeat": null }), "expected a boolean"),
        (json!({ "failurerate": 0.3 }), "unknown field `failurerate`"),
        (json!({ "sequence": "ok" }), "expected a sequence"),
        (json!({ "sequence": ["okay"] }), "unknown variant `okay`"),
        (json!({ "sequence": ["OK"] }), "unknown variant `OK`"),
        (json!({ "failure_rate": 1 }), "must not add up to more than 1"),
    ] {
        let error = asked(body.clone()).unwrap_err();
        assert!(error.contains(named), "{body}: {error}");
    }
}
