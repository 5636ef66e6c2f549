//! The rule: which fault an attempt gets.

use rand::{Rng, RngExt as _};
use serde::Serialize;
use strum::{Display, IntoStaticStr};

use super::Chaos;

/// A fault that was injected into an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Display, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum InjectedFault {
    /// The attempt failed, and its operation did not run.
    Failure,
    /// The operation ran later.
    Delay,
    /// The attempt panicked, and its operation did not run.
    Panic,
}

/// Draws the fault of an attempt. Takes one number from `rng`, so that equal seeds give equal sequences.
pub(super) fn draw(chaos: &Chaos, rng: &mut impl Rng) -> Option<InjectedFault> {
    let mut left = rng.random::<f64>();
    for (share, fault) in [
        (chaos.chaos_failure_rate, InjectedFault::Failure),
        (chaos.chaos_delay_rate, InjectedFault::Delay),
        (chaos.chaos_panic_rate, InjectedFault::Panic),
    ] {
        if left < share {
            return Some(fault);
        }
        left -= share;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng as _, rngs::SmallRng};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn draws(chaos: &Chaos, seed: u64, count: usize) -> Vec<Option<InjectedFault>> {
        let mut rng = SmallRng::seed_from_u64(seed);
        (0..count).map(|_| draw(chaos, &mut rng)).collect()
    }

    #[test]
    fn each_fault_has_its_share_of_the_attempts() {
        let chaos = Chaos::default().fail(0.1).delay(0.2, SECOND).panic(0.05);
        let drawn = draws(&chaos, 1, 100_000);
        let share = |fault| drawn.iter().filter(|drawn| **drawn == fault).count() as f64 / 1e5;
        for (fault, expected) in [
            (Some(InjectedFault::Failure), 0.1),
            (Some(InjectedFault::Delay), 0.2),
            (Some(InjectedFault::Panic), 0.05),
            (None, 0.65),
        ] {
            assert!((share(fault) - expected).abs() < 0.01, "{fault:?}: {}", share(fault));
        }
    }

    #[test]
    fn a_share_of_0_is_none_and_a_share_of_1_is_all() {
        for (chaos, expected) in [
            (Chaos::default(), None),
            (Chaos::default().fail(1.0), Some(InjectedFault::Failure)),
            (Chaos::default().delay(1.0, SECOND), Some(InjectedFault::Delay)),
            (Chaos::default().panic(1.0), Some(InjectedFault::Panic)),
        ] {
            assert!(draws(&chaos, 1, 10_000).iter().all(|drawn| *drawn == expected), "{chaos:?}");
        }
    }

    #[test]
    fn a_seed_repeats_the_draws_also_with_other_shares() {
        let chaos = Chaos::default().fail(0.3).panic(0.1);
        assert_eq!(draws(&chaos, 7, 1_000), draws(&chaos, 7, 1_000));
        assert_ne!(draws(&chaos, 7, 1_000), draws(&chaos, 8, 1_000));
        let fewer = draws(&chaos.clone().fail(0.1), 7, 1_000);
        let failed = |drawn: &Option<_>| *drawn == Some(InjectedFault::Failure);
        let both = draws(&chaos, 7, 1_000).into_iter().zip(fewer);
        assert!(both.filter(|(_, fewer)| failed(fewer)).all(|(more, _)| failed(&more)));
    }
}
