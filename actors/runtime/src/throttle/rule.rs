//! The rule: the share of attempts to reject, from what the upstream did with those of the last two minutes.

use crate::limit::Priority;

/// Attempts of a lower priority that are enough to say what the upstream accepts: the share of them that it accepts is
/// known to about a twentieth.
const ENOUGH: u64 = 100;

/// Attempts of a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    /// Attempts that the upstream answered or was working on, and those that were rejected here instead.
    pub(super) requests: u64,
    /// Those of them that the upstream did not refuse.
    pub(super) accepts: u64,
}

impl Attempts {
    /// The share of further attempts to reject: `max(0, (requests - ratio * accepts) / (requests + 1))`.
    fn probability(self, ratio: f64) -> f64 {
        let [requests, accepts] = [self.requests, self.accepts].map(|count| count as f64);
        ((requests - ratio * accepts) / (requests + 1.0)).max(0.0)
    }
}

/// Attempts of a time, by the level of their priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Levels([Attempts; Priority::ALL.len()]);

impl Levels {
    pub(super) fn of(&mut self, priority: Priority) -> &mut Attempts {
        &mut self.0[usize::from(priority.level())]
    }

    pub(super) fn remove(&mut self, others: &Self) {
        for (attempts, others) in self.0.iter_mut().zip(others.0) {
            attempts.requests -= others.requests;
            attempts.accepts -= others.accepts;
        }
    }

    /// All of them.
    pub(super) fn sum(&self) -> Attempts {
        self.0.iter().fold(Attempts::default(), |sum, level| Attempts {
            requests: sum.requests + level.requests,
            accepts: sum.accepts + level.accepts,
        })
    }

    /// The share of further attempts of this priority to reject: what its own attempts say, but no more than that of a
    /// lower priority with enough attempts.
    pub(super) fn probability(&self, priority: Priority, ratio: f64) -> f64 {
        let own = usize::from(priority.level());
        let enough = self.0[..own].iter().filter(|lower| lower.requests >= ENOUGH);
        let caps = enough.map(|lower| lower.probability(ratio));
        caps.fold(self.0[own].probability(ratio), f64::min)
    }

    /// The share of further attempts to reject, if as many of each priority come as before.
    pub(super) fn overall_probability(&self, ratio: f64) -> f64 {
        let all = self.sum().requests.max(1) as f64;
        let shares = Priority::ALL.iter().zip(self.0).map(|(priority, attempts)| {
            attempts.requests as f64 / all * self.probability(*priority, ratio)
        });
        shares.sum()
    }
}

#[cfg(test)]
mod tests {
    use Priority::{High, Low, Normal, VeryLow};
    use proptest::prelude::*;

    use super::*;
    use crate::props::config;

    fn attempts([requests, accepts]: [u64; 2]) -> Attempts {
        Attempts { requests, accepts }
    }

    fn levels(levels: [[u64; 2]; 4]) -> Levels {
        Levels(levels.map(attempts))
    }

    /// Of each priority.
    fn probabilities(levels: Levels, ratio: f64) -> [f64; 4] {
        Priority::ALL.map(|priority| levels.probability(priority, ratio))
    }

    fn assert_near(seen: f64, expected: f64, case: &dyn std::fmt::Debug) {
        assert!((seen - expected).abs() < 1e-9, "{case:?}: {seen}, not {expected}");
    }

    #[test]
    fn nothing_is_rejected_while_requests_are_no_more_than_the_ratio_of_what_is_accepted() {
        for (counts, ratio, expected) in [
            ([0, 0], 2.0, 0.0),
            ([100, 100], 2.0, 0.0),
            ([100, 50], 2.0, 0.0),
            ([99, 25], 2.0, 0.49),
            ([99, 0], 2.0, 0.99),
            ([99, 90], 1.0, 0.09),
            ([99, 90], 1.1, 0.0),
        ] {
            assert_near(attempts(counts).probability(ratio), expected, &counts);
        }
    }

    #[test]
    fn the_refusals_of_less_important_attempts_reject_no_more_important_ones() {
        let levels = levels([[199, 0], [199, 50], [199, 199], [199, 199]]);
        for (seen, expected) in probabilities(levels, 2.0).into_iter().zip([0.995, 0.495, 0.0, 0.0])
        {
            assert_near(seen, expected, &levels);
        }
        assert_near(levels.overall_probability(2.0), (0.995 + 0.495) / 4.0, &levels);
    }

    #[test]
    fn an_attempt_is_rejected_no_more_readily_than_less_important_ones_of_which_there_are_enough() {
        let refused = [199, 0];
        for (lower, expected) in [
            // Enough: they were accepted, or refused less often.
            ([[100, 100], [0, 0]], 0.0),
            ([[0, 0], [199, 80]], 39.0 / 200.0),
            ([[199, 80], [199, 0]], 39.0 / 200.0),
            // Not enough.
            ([[99, 99], [99, 99]], 0.995),
        ] {
            let levels = levels([lower[0], lower[1], refused, refused]);
            for priority in [Normal, High] {
                assert_near(levels.probability(priority, 2.0), expected, &lower);
            }
        }
        let more_important = levels([[199, 0], [0, 0], [199, 199], [0, 0]]);
        assert_near(more_important.probability(VeryLow, 2.0), 0.995, &more_important);
    }

    #[test]
    fn a_priority_without_attempts_is_not_rejected() {
        let levels = levels([[0, 0], [199, 0], [0, 0], [0, 0]]);
        for priority in [VeryLow, Normal, High] {
            assert_near(levels.probability(priority, 2.0), 0.0, &priority);
        }
        assert_near(levels.probability(Low, 2.0), 0.995, &levels);
        assert_near(levels.overall_probability(2.0), 0.995, &levels);
        assert_near(Levels::default().overall_probability(2.0), 0.0, &"no attempts at all");
    }

    /// Requests and accepts.
    fn counts() -> impl Strategy<Value = [u64; 2]> {
        (0_u64..400).prop_flat_map(|requests| (Just(requests), 0..=requests).prop_map(Into::into))
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn attempts_of_one_priority_are_rejected_by_the_rule_without_priorities(
            counts in counts(), priority in prop::sample::select(&Priority::ALL[..]), ratio in 1.0..4.0,
        ) {
            let mut levels = Levels::default();
            *levels.of(priority) = attempts(counts);
            let [requests, accepts] = counts.map(|count| count as f64);
            let expected = f64::max(0.0, (requests - ratio * accepts) / (requests + 1.0));
            prop_assert_eq!(levels.probability(priority, ratio), expected);
            prop_assert_eq!(levels.overall_probability(ratio), expected);
        }

        #[test]
        fn no_attempt_is_rejected_more_readily_than_a_less_important_one_nor_than_its_own_priority_says(
            counts in prop::array::uniform4(counts()), ratio in 1.0..4.0,
        ) {
            let probabilities = probabilities(levels(counts), ratio);
            for (level, own) in probabilities.iter().enumerate() {
                prop_assert!((0.0..1.0).contains(own));
                prop_assert!(*own <= attempts(counts[level]).probability(ratio));
                for lower in (0..level).filter(|lower| counts[*lower][0] >= ENOUGH) {
                    prop_assert!(*own <= probabilities[lower], "{:?}", probabilities);
                }
            }
            let overall = levels(counts).overall_probability(ratio);
            prop_assert!((0.0..1.0).contains(&overall), "{}", overall);
        }
    }
}
