//! Many faults at the same time, on connections that calls share.

use std::{collections::HashMap, env, sync::Arc};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_testing::Answer;

use super::{
    lab::{Lab, marker},
    row::Row,
    rows::rows,
    server::{Door, Mode},
};

/// Number of calls at a time.
const AT_A_TIME: usize = 25;

/// Makes concurrent calls, of which every second one gets the fault of `row`.
pub(crate) fn interleave(lab: &Lab, row: &Row) {
    play(lab, &[Some(row), None].repeat(6));
}

/// Makes these calls. Each must end as its own row states.
fn play(lab: &Lab, plan: &[Option<&Row>]) {
    let calls: Vec<_> = plan.iter().map(|row| (marker(), *row)).collect();
    let misbehaving = calls
        .iter()
        .filter_map(|(id, row)| Some((id.clone(), Arc::new(row.as_ref()?.play.clone()))));
    let misbehaving: HashMap<_, _> = misbehaving.collect();
    lab.server.set(Mode::Planned(Arc::new(misbehaving)));
    let ids: Vec<_> = calls.iter().map(|(id, _)| id.clone()).collect();
    let answers = lab.call_all(&ids, AT_A_TIME);
    assert_eq!(answers.len(), calls.len());
    for (answer, (_, row)) in answers.iter().zip(&calls) {
        must_end_as(answer, *row);
    }
}

fn must_end_as(answer: &Answer, row: Option<&Row>) {
    let (name, expected) = match row {
        Some(Row { name, expected, .. }) => (*name, (expected.status, expected.attempts as u64)),
        None => ("no fault", (200, 1)),
    };
    assert_eq!((answer.status, answer.number("attempts")), expected, "{name}: {answer:?}");
}

fn from_environment(name: &str, default: u64) -> u64 {
    let Ok(value) = env::var(name) else { return default };
    value.parse().unwrap_or_else(|_| panic!("{name} = {value:?} is no number"))
}

#[test]
fn concurrent_faults_affect_only_their_own_calls() {
    let seed = from_environment("FAULT_MATRIX_SEED", rand::random_range(0..1_000_000));
    let calls = usize::try_from(from_environment("FAULT_MATRIX_CALLS", 300)).unwrap();
    println!("FAULT_MATRIX_SEED={seed} FAULT_MATRIX_CALLS={calls}");
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut rows = rows();
    rows.retain(|row| !row.alone);
    let settings = [("ATTEMPT_TIMEOUT", "1"), ("WORKERS", "2")];
    let lab = Lab::start(Door::Open, None, &settings);
    let open_files = lab.open_files_at_rest();
    // Every third call gets a correct answer.
    let plan: Vec<_> = (0..calls)
        .map(|_| (rng.random_range(0..3) > 0).then(|| &rows[rng.random_range(0..rows.len())]))
        .collect();
    play(&lab, &plan);
    lab.server.set(Mode::Healthy);
    play(&lab, &[None; AT_A_TIME]);
    assert!(!lab.server.was_followed());
    lab.must_be_as_before(open_files);
}
