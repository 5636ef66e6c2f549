use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::SmallRng};

use super::*;

fn load(in_flight: usize, latency: u64) -> Load {
    Load { in_flight, latency }
}

/// The endpoints that are chosen in many draws.
fn chosen(ranks: &[Rank], loads: &[Load]) -> BTreeSet<usize> {
    let mut rng = SmallRng::seed_from_u64(1);
    (0..1000).map(|_| choose(ranks.len(), |at| ranks[at], |at| loads[at], &mut rng)).collect()
}

#[test]
fn the_better_of_two_is_chosen_by_what_is_in_flight_and_then_by_latency() {
    let ranks = [Rank::Unused; 2];
    assert_eq!(chosen(&ranks, &[load(1, 9), load(2, 1)]), [0].into());
    assert_eq!(chosen(&ranks, &[load(1, 9), load(1, 1)]), [1].into());
    assert_eq!(chosen(&ranks, &[load(1, 1), load(1, 1)]), [0, 1].into());
}

#[test]
fn of_three_only_the_worst_is_never_chosen() {
    let loads = [load(0, 1), load(1, 1), load(2, 1)];
    assert_eq!(chosen(&[Rank::Unused; 3], &loads), [0, 1].into());
}

#[test]
fn an_endpoint_that_is_used_or_ejected_is_chosen_only_if_there_is_no_other() {
    use Rank::{Ejected, EjectedUnused, Latest, Unused, Used};
    let idle = [load(0, 0); 3];
    for (ranks, expected) in [
        ([Latest, EjectedUnused, Unused], vec![2]),
        ([Used, Latest, EjectedUnused], vec![0]),
        ([Used, Used, Latest], vec![0, 1]),
        ([Ejected, EjectedUnused, Latest], vec![2]),
        ([Ejected, EjectedUnused, EjectedUnused], vec![1, 2]),
        ([Ejected, Ejected, Ejected], vec![0, 1, 2]),
    ] {
        assert_eq!(chosen(&ranks, &idle), expected.into_iter().collect(), "{ranks:?}");
    }
    assert_eq!(chosen(&[Latest], &idle), [0].into(), "the only one");
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn an_attempt_never_repeats_an_endpoint_while_another_is_there(
        ejected in prop::collection::vec(any::<bool>(), 1..8),
        in_flight in prop::collection::vec(0..5_usize, 8),
        seed in any::<u64>(),
    ) {
        let (count, mut rng) = (ejected.len(), SmallRng::seed_from_u64(seed));
        let mut used = Vec::new();
        for _ in 0..count + 3 {
            let rank = |at: usize| match (used.contains(&at), ejected[at]) {
                (false, false) => Rank::Unused,
                (true, false) if used.last() == Some(&at) => Rank::Latest,
                (true, false) => Rank::Used,
                (false, true) => Rank::EjectedUnused,
                (true, true) => Rank::Ejected,
            };
            let next = choose(count, rank, |at| load(in_flight[at], 0), &mut rng);
            let others = |fits: &dyn Fn(usize) -> bool| (0..count).any(|at| at != next && fits(at));
            prop_assert!(!ejected[next] || !others(&|at| !ejected[at]), "ejected, others are in");
            if used.contains(&next) {
                prop_assert!(!others(&|at| !used.contains(&at) && ejected[at] == ejected[next]));
            }
            if used.last() == Some(&next) && !ejected[next] {
                prop_assert!(!others(&|at| !ejected[at]), "twice one after the other");
            }
            used.push(next);
        }
    }
}
