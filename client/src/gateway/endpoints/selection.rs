//! Which endpoint the next attempt goes to: the better of two random ones ("the power of two choices", [Mitzenmacher]).
//!
//! [Mitzenmacher]: https://www.eecs.harvard.edu/~michaelm/postscripts/tpds2001.pdf

use std::cmp::Ordering;

use rand::{Rng, RngExt as _};

/// How good an endpoint is for the next attempt of a call, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// This call has not used it.
    Unused,
    /// An earlier attempt of this call has used it.
    Used,
    /// The latest attempt of this call has used it.
    Latest,
    /// It is ejected, and this call has not used it.
    EjectedUnused,
    /// It is ejected.
    Ejected,
}

/// The load of an endpoint. Less is better: first the attempts in flight, then the latency in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Load {
    pub(super) in_flight: usize,
    pub(super) latency: u64,
}

/// Chooses one of `count` endpoints: of those with the best rank, the one with less load of two random ones. `count` is
/// at least 1.
pub(super) fn choose(
    count: usize,
    rank: impl Fn(usize) -> Rank,
    load: impl Fn(usize) -> Load,
    rng: &mut impl Rng,
) -> usize {
    let [first, second] = if count > 1 { two_of(count, rng) } else { [0, 0] };
    // Nearly always true, and needs no look at the others.
    if count > 1 && rank(first) == Rank::Unused && rank(second) == Rank::Unused {
        return better(first, second, load);
    }
    let [first, second] = two_best(count, rank, rng);
    better(first, second, load)
}

fn better(first: usize, second: usize, load: impl Fn(usize) -> Load) -> usize {
    if load(second) < load(first) { second } else { first }
}

/// Two different numbers below `count`, which is at least 2.
fn two_of(count: usize, rng: &mut impl Rng) -> [usize; 2] {
    let first = rng.random_range(0..count);
    let second = rng.random_range(0..count - 1);
    [first, if second < first { second } else { second + 1 }]
}

/// Two random ones of those with the best rank, in random order; the same one twice if there is one.
fn two_best(count: usize, rank: impl Fn(usize) -> Rank, rng: &mut impl Rng) -> [usize; 2] {
    // A sample of two out of an unknown number (reservoir sampling).
    let (mut best, mut seen, mut sample) = (Rank::Ejected, 0, [0, 0]);
    for index in 0..count {
        let rank = rank(index);
        match rank.cmp(&best) {
            Ordering::Greater => continue,
            Ordering::Less => (best, seen) = (rank, 0),
            Ordering::Equal => {}
        }
        seen += 1;
        match seen {
            1 => sample = [index; 2],
            2 => sample[rng.random_range(0..2)] = index,
            _ => {
                let place = rng.random_range(0..seen);
                if place < 2 {
                    sample[place] = index;
                }
            }
        }
    }
    sample
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
