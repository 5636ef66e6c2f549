//! The rule of priorities: which arrivals are rejected at once, so that more important ones get the places.
//!
//! The rule is that of [failsafe-go's prioritizer][failsafe]. Each priority has a hundred ranks, and an attempt has a
//! random one of them. The load of the last window sets the share of arrivals that is rejected. The ranks of that
//! window's arrivals set the rank below which that share lies. So only a part of a priority is rejected, if that is
//! enough. There the load is the queue alone. Here it is also the share of attempts that were admitted and then got no
//! place, because the queue is bounded.
//!
//! [failsafe]: https://failsafe-go.dev/execution-prioritization/

use std::time::{Duration, Instant};

use rand::{Rng, RngExt as _};

use super::priority::Priority;

/// Ranks of one priority.
const RANKS: usize = 100;
/// A window has at least this length.
const LEAST_WINDOW: Duration = Duration::from_millis(100);
/// A window has at least this many arrivals, or [`LONGEST_WINDOW`].
const LEAST_ARRIVALS: u32 = 20;
const LONGEST_WINDOW: Duration = Duration::from_secs(1);
/// What was learned longer ago than this says nothing.
const STALE: Duration = Duration::from_secs(2);
/// Fill of the queue above which more is rejected, and at which the most more is.
const LONG_QUEUE: f64 = 0.5;
/// The most that a full queue adds to the share of arrivals that is rejected, in one window.
const FULL_QUEUE: f64 = 0.1;
/// What is left of the share after a window without load.
const DECAY: f64 = 0.9;
/// A smaller share is none.
const LEAST_SHARE: f64 = 0.01;

/// Decides which arrivals are rejected.
#[derive(Debug)]
pub(super) struct Shedder {
    /// Share of arrivals to reject.
    share: f64,
    /// Arrivals of a lower rank are rejected.
    threshold: usize,
    began: Option<Instant>,
    /// Arrivals in the window, by rank.
    arrivals: [u32; RANKS * Priority::ALL.len()],
    arrived: u32,
    shed: u32,
    /// Admitted attempts that got no place.
    lost: u32,
}

impl Shedder {
    pub(super) fn new() -> Self {
        Self {
            share: 0.0,
            threshold: 0,
            began: None,
            arrivals: [0; RANKS * Priority::ALL.len()],
            arrived: 0,
            shed: 0,
            lost: 0,
        }
    }

    /// Share of arrivals that is rejected.
    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// An attempt asks for a place, while the queue is filled to `fill`. False if it is to be rejected.
    pub(super) fn arrives(
        &mut self,
        priority: Priority,
        fill: f64,
        now: Instant,
        rng: &mut impl Rng,
    ) -> bool {
        self.end_window(fill, now);
        let rank = usize::from(priority.level()) * RANKS + rng.random_range(0..RANKS);
        self.arrivals[rank] += 1;
        self.arrived += 1;
        rank >= self.threshold
    }

    /// The attempt was rejected because [`arrives`](Self::arrives) said so.
    pub(super) fn shed(&mut self) {
        self.shed += 1;
    }

    /// An admitted attempt got no place.
    pub(super) fn lost(&mut self) {
        self.lost += 1;
    }

    fn end_window(&mut self, fill: f64, now: Instant) {
        let age = now.saturating_duration_since(*self.began.get_or_insert(now));
        let enough = self.arrived >= LEAST_ARRIVALS || age >= LONGEST_WINDOW;
        if age < LEAST_WINDOW || !enough {
            return;
        }
        let admitted = self.arrived.saturating_sub(self.shed).max(1);
        let lost = (f64::from(self.lost) / f64::from(admitted)).min(1.0);
        let long = FULL_QUEUE * ((fill - LONG_QUEUE) / (1.0 - LONG_QUEUE)).max(0.0);
        let excess = lost.max(long);
        self.share = match excess > 0.0 {
            _ if age > STALE => 0.0,
            true => 1.0 - (1.0 - self.share) * (1.0 - excess),
            false => self.share * DECAY,
        };
        if self.share < LEAST_SHARE {
            self.share = 0.0;
        }
        self.threshold = self.rank_at(self.share);
        *self =
            Self { share: self.share, threshold: self.threshold, began: Some(now), ..Self::new() };
    }

    /// The lowest rank below which this share of the window's arrivals lies.
    fn rank_at(&self, share: f64) -> usize {
        let (wanted, mut below) = (share * f64::from(self.arrived), 0);
        self.arrivals
            .iter()
            .take_while(|arrivals| {
                let enough = f64::from(below) >= wanted;
                below += **arrivals;
                !enough
            })
            .count()
    }
}

#[cfg(test)]
#[path = "shedder_model_tests.rs"]
mod model_tests;

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::SmallRng};

    use super::*;
    use crate::clock;

    /// As many arrivals of each priority in each millisecond, and room for some of them. Returns the share of each
    /// priority that got a place after the first second.
    fn admitted(seconds: u32, of_each: u32, room: u32) -> ([f64; 4], f64) {
        let (mut shedder, mut rng, mut now) =
            (Shedder::new(), SmallRng::seed_from_u64(3), clock::now());
        let (mut placed, millis) = ([0_u32; 4], seconds * 1_000);
        for milli in 0..millis {
            now += Duration::from_millis(1);
            let mut free = room;
            for priority in (0..of_each).flat_map(|_| Priority::ALL) {
                if !shedder.arrives(priority, 0.0, now, &mut rng) {
                    shedder.shed();
                } else if free == 0 {
                    shedder.lost();
                } else {
                    free -= 1;
                    placed[usize::from(priority.level())] += u32::from(milli >= 1_000);
                }
            }
        }
        let all = f64::from((millis - 1_000) * of_each);
        (placed.map(|placed| f64::from(placed) / all), shedder.share())
    }

    #[test]
    fn three_times_the_room_rejects_the_low_ones_and_a_part_of_one_priority() {
        // Room for a third: all of the highest, and a third of the next.
        let ([very_low, low, normal, high], share) = admitted(20, 30, 40);
        assert!(very_low < 0.01 && low < 0.01, "{very_low} {low}");
        assert!((0.15..0.45).contains(&normal), "{normal}");
        assert!(high > 0.9, "{high}");
        assert!((0.55..0.75).contains(&share), "{share}");
    }

    #[test]
    fn arrivals_that_have_room_are_all_admitted() {
        assert_eq!(admitted(5, 10, 40), ([1.0; 4], 0.0));
    }

    #[test]
    fn after_the_overload_all_are_admitted_again() {
        let (mut shedder, mut rng, mut now) =
            (Shedder::new(), SmallRng::seed_from_u64(3), clock::now());
        let step = Duration::from_millis(5);
        for _ in 0..100 {
            now += step;
            if shedder.arrives(Priority::Low, 0.0, now, &mut rng) {
                shedder.lost();
            } else {
                shedder.shed();
            }
        }
        assert!(shedder.share() > 0.9 && !shedder.arrives(Priority::VeryLow, 0.0, now, &mut rng));
        for _ in 0..2_000 {
            now += step;
            if !shedder.arrives(Priority::Low, 0.0, now, &mut rng) {
                shedder.shed();
            }
        }
        assert!(shedder.share() < f64::EPSILON, "{}", shedder.share());
        assert!(shedder.arrives(Priority::VeryLow, 0.0, now, &mut rng));
    }

    #[test]
    fn what_was_learned_long_ago_is_forgotten_at_once() {
        let (mut shedder, mut rng, mut now) =
            (Shedder::new(), SmallRng::seed_from_u64(3), clock::now());
        for _ in 0..100 {
            now += Duration::from_millis(5);
            shedder.arrives(Priority::Low, 1.0, now, &mut rng);
        }
        assert!(shedder.share() > 0.2, "a full queue is load: {}", shedder.share());
        now += Duration::from_secs(3);
        assert!(shedder.arrives(Priority::VeryLow, 1.0, now, &mut rng));
    }
}
