use Outcome::{Fail, Hang, Ok as Good, Reset, Slow, Transient};
use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::plan::PlanSpec;

const DRAWS: u32 = 20_000;

fn plan(failure: f64, slow: f64, transient: f64) -> PlanSpec {
    PlanSpec {
        failure_rate: failure,
        slow_response_rate: slow,
        slow_response_delay: 5.0,
        transient_failure_rate: transient,
        sequence: None,
        repeat: false,
    }
}

fn playing(sequence: &[Outcome], repeat: bool) -> PlanSpec {
    PlanSpec { sequence: Some(sequence.to_vec()), repeat, ..plan(0.0, 0.0, 0.0) }
}

fn faults(spec: PlanSpec) -> Faults<StdRng> {
    Faults::new(FaultPlan::try_from(spec).unwrap(), StdRng::seed_from_u64(7))
}

fn rate(value: f64) -> Option<Rate> {
    Some(Rate::try_from(value).unwrap())
}

/// The share of an outcome in many draws.
fn share(mut draw: impl FnMut() -> Draw, outcome: Outcome) -> f64 {
    let hits: u32 = (0..DRAWS).map(|_| u32::from(draw().outcome == outcome)).sum();
    f64::from(hits) / f64::from(DRAWS)
}

/// Five standard deviations of the share of a fair coin.
fn assert_near(share: f64, expected: f64) {
    let tolerance = 5.0 * (0.25 / f64::from(DRAWS)).sqrt();
    assert!((share - expected).abs() < tolerance, "{share}, not {expected}");
}

#[test]
fn each_outcome_comes_at_its_rate() {
    for (outcome, expected) in [(Fail, 0.3), (Slow, 0.2), (Good, 0.5), (Transient, 0.0)] {
        let mut faults = faults(plan(0.3, 0.2, 0.6));
        assert_near(share(|| faults.draw_data(None), outcome), expected);
    }
    for (outcome, expected) in [(Transient, 0.6), (Good, 0.4), (Fail, 0.0), (Slow, 0.0)] {
        let mut faults = faults(plan(0.3, 0.2, 0.6));
        assert_near(share(|| faults.draw_transient(), outcome), expected);
    }
}

#[test]
fn rate_zero_never_occurs_and_rate_one_always_occurs() {
    let mut never = faults(plan(0.0, 0.0, 0.0));
    let mut always = faults(plan(1.0, 0.0, 1.0));
    let mut late = faults(plan(0.0, 1.0, 0.0));
    for _ in 0..DRAWS {
        assert_eq!(never.draw_data(None).outcome, Good);
        assert_eq!(never.draw_transient().outcome, Good);
        assert_eq!(always.draw_data(None).outcome, Fail);
        assert_eq!(always.draw_transient().outcome, Transient);
        assert_eq!(late.draw_data(None).outcome, Slow);
    }
}

#[test]
fn the_same_seed_repeats_the_draws_and_another_seed_does_not() {
    let drawn = |seed| {
        let plan = FaultPlan::try_from(plan(0.3, 0.2, 0.6)).unwrap();
        let mut faults = Faults::new(plan, StdRng::seed_from_u64(seed));
        (0..100).map(|_| faults.draw_data(None).outcome).collect::<Vec<_>>()
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn a_request_failure_rate_limits_slow_answers_to_the_remainder() {
    for (own, failed, slow) in [(0.0, 0.0, 0.4), (0.5, 0.5, 0.4), (0.9, 0.9, 0.1), (1.0, 1.0, 0.0)]
    {
        let mut faults = faults(plan(0.3, 0.4, 0.0));
        assert_near(share(|| faults.draw_data(rate(own)), Fail), failed);
        assert_near(share(|| faults.draw_data(rate(own)), Slow), slow);
    }
}

#[test]
fn a_request_failure_rate_does_not_consume_the_sequence() {
    let mut faults = faults(playing(&[Hang, Reset], false));
    assert_eq!(faults.draw_data(rate(1.0)).outcome, Fail);
    assert_eq!(faults.draw_data(None).outcome, Hang);
    assert_eq!(faults.draw_data(rate(0.0)).outcome, Good);
    assert_eq!(faults.draw_data(None).outcome, Reset);
}

#[test]
fn sequence_is_played_in_order_across_both_endpoints_then_the_rates_return() {
    let sequence = [Transient, Fail, Slow, Hang, Good];
    let mut faults = faults(PlanSpec { sequence: Some(sequence.to_vec()), ..plan(1.0, 0.0, 1.0) });
    assert_eq!(faults.sequence_remaining(), Some(5));
    assert_eq!(faults.draw_data(None).outcome, Transient);
    assert_eq!(faults.draw_transient().outcome, Fail);
    assert_eq!(faults.draw_transient().outcome, Slow);
    assert_eq!(faults.draw_data(None).outcome, Hang);
    assert_eq!(faults.sequence_remaining(), Some(1));
    assert_eq!(faults.draw_data(None).outcome, Good);
    assert_eq!(faults.sequence_remaining(), Some(0));
    assert_eq!(faults.draw_data(None).outcome, Fail);
    assert_eq!(faults.draw_transient().outcome, Transient);
}

#[test]
fn repeated_sequence_begins_again() {
    let mut faults = faults(playing(&[Fail, Good, Reset], true));
    let drawn: Vec<_> = (0..7).map(|_| faults.draw_data(None).outcome).collect();
    assert_eq!(drawn, [Fail, Good, Reset, Fail, Good, Reset, Fail]);
}

#[test]
fn a_new_plan_takes_effect_at_once_and_starts_its_sequence() {
    let mut faults = faults(playing(&[Fail, Fail], false));
    faults.draw_data(None);
    faults.set_plan(FaultPlan::try_from(playing(&[Hang, Good], false)).unwrap());
    assert_eq!(faults.draw_data(None).outcome, Hang);
    assert_eq!(faults.counters().total_requests, 2);
}

#[test]
fn counters_are_disjoint_and_add_up() {
    let sequence = [Good, Fail, Fail, Slow, Slow, Slow, Transient, Hang, Hang, Reset];
    let mut faults = faults(playing(&sequence, false));
    for number in 1..=10 {
        assert_eq!(faults.draw_transient().number, number);
    }
    let expected = Counters {
        total_requests: 10,
        successful_responses: 1,
        failed_responses: 2,
        slow_responses: 3,
        transient_failures: 1,
        hung_requests: 2,
        reset_connections: 1,
    };
    assert_eq!(faults.counters(), expected);
}

#[test]
fn a_draw_returns_the_delay_of_the_current_plan() {
    let mut faults = faults(plan(0.0, 1.0, 0.0));
    assert_eq!(faults.draw_data(None).slow_response_delay, Duration::from_secs(5));
}
