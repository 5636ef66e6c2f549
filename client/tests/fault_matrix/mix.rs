//! Many faults at the same time, on connections that calls share.

use std::{collections::HashMap, env, sync::Arc};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{
    endpoint::Endpoint,
    lab::{Lab, marker},
    received::Received,
    row::Row,
    rows::rows,
    server::{Door, Mode},
};

/// Number of calls at a time.
const AT_A_TIME: usize = 25;

/// A call that a plan makes.
struct Call<'a> {
    endpoint: Endpoint,
    id: String,
    /// `None` gets a correct answer.
    row: Option<&'a Row>,
}

/// Makes concurrent calls, of which every second one gets the fault of `row`.
pub(crate) fn interleave(lab: &Lab, row: &Row) {
    play(lab, &[Some(row), None].repeat(3));
}

/// Makes concurrent calls, which must all be answered correctly.
pub(crate) fn must_be_healthy(lab: &Lab) {
    play(lab, &[None; 6]);
}

/// Makes these calls, each at the protected endpoint and at the gateway. Each must end as its own row states.
fn play(lab: &Lab, plan: &[Option<&Row>]) {
    let calls: Vec<_> = plan
        .iter()
        .flat_map(|row| {
            [Endpoint::Protected, Endpoint::Gateway].map(|endpoint| Call {
                endpoint,
                id: marker(),
                row: *row,
            })
        })
        .collect();
    let misbehaving =
        calls.iter().filter_map(|call| Some((call.id.clone(), Arc::new(call.row?.play.clone()))));
    let misbehaving: HashMap<_, _> = misbehaving.collect();
    lab.server.set(Mode::Planned(Arc::new(misbehaving)));
    let asked: Vec<_> = calls.iter().map(|call| (call.endpoint, call.id.as_str())).collect();
    let answers = lab.call_all(&asked, AT_A_TIME);
    assert_eq!(answers.len(), calls.len());
    for (answer, call) in answers.iter().zip(&calls) {
        must_end_as_planned(answer, call);
    }
}

fn must_end_as_planned(answer: &Received, Call { endpoint, id, row }: &Call<'_>) {
    let Some(Row { name, expected, .. }) = row else {
        return assert!(answer.is_good(id), "no fault, {endpoint:?}, {id}: {answer:?}");
    };
    let expected = expected.of(*endpoint);
    let (seen, expected) = (
        (answer.status, answer.attempts, answer.end),
        (expected.status, expected.attempts as u64, expected.end),
    );
    assert_eq!(seen, expected, "{name}, {endpoint:?}: {answer:?}");
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
    let lab = Lab::start(Door::Open, None, &[("WORKERS", "2")], &[("ATTEMPT_TIMEOUT", "1")]);
    let open_files = lab.open_files_at_rest();
    // Every third call gets a correct answer.
    let plan: Vec<_> = (0..calls)
        .map(|_| (rng.random_range(0..3) > 0).then(|| &rows[rng.random_range(0..rows.len())]))
        .collect();
    play(&lab, &plan);
    must_be_healthy(&lab);
    assert!(!lab.server.was_followed());
    lab.must_be_as_before(open_files);
}
