use proptest::prelude::*;

use super::*;
use crate::props::config;

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}

fn budget(share: f64, min_per_second: f64) -> (Budget, Instant) {
    let (settings, start) = (RetryBudget::share(share).min_per_second(min_per_second), start());
    (Budget::new(&settings, start), start)
}

/// The number of retries that are allowed at this moment.
fn retries(budget: &mut Budget, now: Instant) -> usize {
    (0..1_000_000).take_while(|_| budget.try_withdraw(now)).count()
}

fn calls(budget: &mut Budget, count: usize, now: Instant) {
    (0..count).for_each(|_| budget.deposit(now));
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn retries_are_a_share_of_the_calls() {
    let (mut budget, now) = budget(0.2, 0.0);
    assert!(!budget.try_withdraw(now), "no call, no retry");
    calls(&mut budget, 100, now);
    assert_eq!(retries(&mut budget, now), 20);
    calls(&mut budget, 4, now);
    assert!(!budget.try_withdraw(now));
    calls(&mut budget, 1, now);
    assert_eq!(retries(&mut budget, now), 1);
}

#[test]
fn the_minimum_is_allowed_without_calls_and_comes_back_after_the_window() {
    let (mut budget, now) = budget(0.0, 0.3);
    assert_eq!(retries(&mut budget, now), 3);
    assert_eq!(retries(&mut budget, now + WINDOW - SLOT), 0);
    assert_eq!(retries(&mut budget, now + WINDOW), 3);
}

#[test]
fn calls_expire_with_their_slot() {
    let (mut budget, now) = budget(0.5, 0.0);
    calls(&mut budget, 10, now);
    calls(&mut budget, 10, now + 5 * SECOND);
    assert_eq!(budget.balance(now + 5 * SECOND), 10.0);
    assert_eq!(budget.balance(now + WINDOW), 5.0);
    assert_eq!(budget.balance(now + WINDOW + 5 * SECOND), 0.0);
}

#[test]
fn nothing_is_left_of_a_long_time_ago() {
    let (mut budget, now) = budget(0.5, 0.0);
    for slot in 0..10 {
        calls(&mut budget, 10, now + slot * SECOND);
    }
    assert_eq!(retries(&mut budget, now + 9 * SECOND), 50);
    calls(&mut budget, 2, now + 1_000_000 * SECOND);
    assert_eq!(retries(&mut budget, now + 1_000_000 * SECOND), 1);
}

#[test]
fn a_thread_that_read_its_clock_earlier_counts_in_the_newest_slot() {
    let (mut budget, now) = budget(1.0, 0.0);
    calls(&mut budget, 1, now + 25 * SECOND);
    calls(&mut budget, 1, now);
    assert_eq!(retries(&mut budget, now + SECOND), 2);
    assert_eq!(budget.balance(now + 25 * SECOND), 0.0);
}

proptest! {
    #![proptest_config(config())]

    /// Against all calls and retries, kept with their instants.
    #[test]
    fn no_window_has_more_retries_than_its_calls_and_the_minimum_allow(
        share in RetryBudget::SHARE,
        min in 0.0..3.0,
        steps in prop::collection::vec((0_u64..3_000, 0_usize..20, 0_usize..20), 1..60),
    ) {
        let (mut budget, start) = budget(share, min);
        let (mut now, mut deposits, mut withdrawals) = (start, Vec::new(), Vec::new());
        for (millis, calls, retries) in steps {
            now += Duration::from_millis(millis);
            for _ in 0..calls {
                budget.deposit(now);
                deposits.push(now);
            }
            for _ in 0..retries {
                let within = |times: &[Instant], window: Duration| {
                    let recent = times.iter().filter(|at| now - **at < window).count();
                    f64::from(u32::try_from(recent).unwrap())
                };
                // What surely is in the window, and what may be.
                let (short, long) = (WINDOW - SLOT, WINDOW);
                let most = min * 10.0 + share * within(&deposits, long) - within(&withdrawals, short);
                let least = min * 10.0 + share * within(&deposits, short) - within(&withdrawals, long);
                let allowed = budget.try_withdraw(now);
                prop_assert!(!allowed || most >= 1.0 - 1e-6, "{} left at most", most);
                prop_assert!(allowed || least < 1.0 + 1e-6, "{} left at least", least);
                if allowed {
                    withdrawals.push(now);
                }
            }
        }
    }
}
