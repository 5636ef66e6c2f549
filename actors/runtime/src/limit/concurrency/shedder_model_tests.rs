//! The shedder against a plain list of the ranks that have arrived.

use proptest::{prelude::*, test_runner::TestCaseResult};
use rand::{SeedableRng as _, rngs::SmallRng};

use super::*;
use crate::{clock, props::config};

/// The rule in words. A window ends with the first arrival after a second, or after a tenth of a second if it has
/// twenty arrivals. If attempts that it admitted got no place, or the queue is more than half full, a further share of
/// the arrivals is rejected from then on. Otherwise a tenth less is. The ranks of the window's arrivals, in their
/// order, show which.
#[derive(Debug, Default)]
struct Naive {
    share: f64,
    threshold: usize,
    began: Option<Instant>,
    ranks: Vec<usize>,
    shed: usize,
    lost: u32,
}

impl Naive {
    fn window_is_over(&self, age: Duration) -> bool {
        let enough = self.ranks.len() >= LEAST_ARRIVALS as usize && age >= LEAST_WINDOW;
        enough || age >= LONGEST_WINDOW
    }

    fn share_after(&self, fill: f64, age: Duration) -> f64 {
        let admitted = (self.ranks.len() - self.shed).max(1) as f64;
        let lost = f64::from(self.lost) / admitted;
        let full = if fill > 0.5 { (fill - 0.5) / 5.0 } else { 0.0 };
        let excess = lost.min(1.0).max(full);
        let grown = self.share + (1.0 - self.share) * excess;
        let share = if excess > 0.0 { grown } else { self.share * 0.9 };
        if age > STALE || share < 0.01 { 0.0 } else { share }
    }

    /// The lowest rank below which the share of the arrivals lies.
    fn rank_at(&self, share: f64) -> usize {
        let below = |rank| self.ranks.iter().filter(|arrived| **arrived < rank).count() as f64;
        let enough = |rank: &usize| below(*rank) >= share * self.ranks.len() as f64;
        (0..).find(enough).unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
struct Arrival {
    priority: Priority,
    fill: f64,
    /// Milliseconds since the arrival before.
    after: u64,
    /// Attempts that got no place after it.
    lost: u32,
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let priority = prop::sample::select(&Priority::ALL[..]);
    let fill = prop_oneof![2 => Just(0.0), 1 => 0.0..=1.0];
    let after = prop_oneof![60 => 0..20_u64, 1 => 0..3_000_u64];
    let lost = prop_oneof![4 => Just(0), 1 => 0..4_u32];
    (priority, fill, after, lost).prop_map(|(priority, fill, after, lost)| Arrival {
        priority,
        fill,
        after,
        lost,
    })
}

/// Both draw the same ranks.
struct Both {
    shedder: Shedder,
    rng: SmallRng,
    naive: Naive,
    naive_rng: SmallRng,
    now: Instant,
}

impl Both {
    fn take(&mut self, &Arrival { priority, fill, after, lost }: &Arrival) -> TestCaseResult {
        let Self { shedder, rng, naive, naive_rng, now } = self;
        *now += Duration::from_millis(after);
        let admitted = shedder.arrives(priority, fill, *now, rng);
        let age = now.duration_since(*naive.began.get_or_insert(*now));
        if naive.window_is_over(age) {
            let share = naive.share_after(fill, age);
            prop_assert!((shedder.share() - share).abs() < 1e-9, "{} {share}", shedder.share());
            // Without the error of rounding.
            let (share, began) = (shedder.share(), Some(*now));
            *naive = Naive { share, threshold: naive.rank_at(share), began, ..Naive::default() };
        }
        let rank = usize::from(priority.level()) * 100 + naive_rng.random_range(0..100);
        naive.ranks.push(rank);
        prop_assert_eq!(admitted, rank >= naive.threshold, "{} {:?}", rank, naive);
        prop_assert!((shedder.share() - naive.share).abs() < f64::EPSILON);
        if !admitted {
            shedder.shed();
            naive.shed += 1;
        }
        for _ in 0..lost {
            shedder.lost();
        }
        naive.lost += lost;
        Ok(())
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arrivals_are_rejected_that_a_sorted_list_would_reject(
        seed in any::<u64>(),
        arrivals in prop::collection::vec(arrival(), 1..300),
    ) {
        let [rng, naive_rng] = [(); 2].map(|()| SmallRng::seed_from_u64(seed));
        let (shedder, naive, now) = (Shedder::new(), Naive::default(), clock::now());
        let mut both = Both { shedder, rng, naive, naive_rng, now };
        for arrival in &arrivals {
            both.take(arrival)?;
        }
    }
}
