use proptest::prelude::*;

use super::*;
use crate::props::config;

const SECOND: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
fn start() -> Instant {
    Instant::now()
}

fn at_once(tokens: &mut Gcra, now: Instant) -> Result<(), Duration> {
    tokens.take(now, now).map(drop).map_err(|due| due - now)
}

#[test]
fn smooth_tokens_are_an_interval_apart() {
    let start = start();
    let mut tokens = Gcra::new(start, SECOND, 1);
    assert_eq!(tokens.available(start), 1);
    assert_eq!(at_once(&mut tokens, start), Ok(()));
    assert_eq!(tokens.available(start), 0);
    assert_eq!(at_once(&mut tokens, start + SECOND / 4), Err(SECOND * 3 / 4));
    assert_eq!(at_once(&mut tokens, start + SECOND), Ok(()));
    assert_eq!(at_once(&mut tokens, start + SECOND), Err(SECOND));
}

#[test]
fn a_burst_is_there_again_after_idle_time_and_never_more_than_it() {
    let start = start();
    let mut tokens = Gcra::new(start, SECOND, 3);
    for (after, expected) in [(0, 3), (1, 1), (3, 2), (100, 3)] {
        let now = start + SECOND * after;
        assert_eq!(tokens.available(now), expected, "after {after} s");
        for _ in 0..expected {
            assert_eq!(at_once(&mut tokens, now), Ok(()));
        }
        assert!(at_once(&mut tokens, now).is_err());
    }
}

#[test]
fn tokens_of_the_future_are_due_in_order_and_only_up_to_the_latest_instant() {
    let start = start();
    let mut tokens = Gcra::new(start, SECOND, 1);
    let latest = start + SECOND * 2;
    let dues: Vec<_> = (0..3).map(|_| tokens.take(start, latest).unwrap().due).collect();
    assert_eq!(dues, [start, start + SECOND, latest]);
    assert_eq!(tokens.take(start, latest), Err(start + SECOND * 3));
    assert_eq!(at_once(&mut tokens, latest), Err(SECOND), "none overtakes what waits");
    assert_eq!(tokens.available(latest), 0);
}

#[test]
fn the_last_tokens_can_be_given_back_in_any_order() {
    let start = start();
    let latest = start + SECOND * 9;
    let mut tokens = Gcra::new(start, SECOND, 1);
    let mut taken: Vec<_> = (0..5).map(|_| tokens.take(start, latest).unwrap()).collect();
    let kept = taken.remove(1);
    for token in taken.iter().skip(1) {
        tokens.give_back(start, token);
    }
    assert_eq!(tokens.take(start, latest).unwrap().due, kept.due + SECOND);
    assert!(tokens.given_back.is_empty());
}

#[test]
fn a_token_that_is_given_back_before_a_later_one_is_used_moves_no_other() {
    let start = start();
    let latest = start + SECOND * 9;
    let mut tokens = Gcra::new(start, SECOND, 1);
    let taken: Vec<_> = (0..3).map(|_| tokens.take(start, latest).unwrap()).collect();
    tokens.give_back(start, &taken[1]);
    assert_eq!(tokens.take(start, latest).unwrap().due, start + SECOND * 3);
    // Once its time has come, nothing is left to be remembered of it.
    let later = tokens.take(start, latest).unwrap();
    tokens.give_back(start + SECOND * 2, &later);
    assert!(tokens.given_back.is_empty());
}

#[test]
fn at_another_rate_the_share_of_the_burst_that_is_there_stays() {
    let start = start();
    let mut tokens = Gcra::new(start, SECOND, 4);
    for _ in 0..3 {
        assert_eq!(at_once(&mut tokens, start), Ok(()));
    }
    for (interval, burst, available) in [(SECOND / 10, 40, 10), (SECOND * 9, 8, 2), (SECOND, 1, 0)]
    {
        tokens.change(start, interval, burst, [].iter_mut());
        assert_eq!(tokens.available(start), available);
    }
    tokens.change(start, SECOND, 4, [].iter_mut());
    assert_eq!(tokens.available(start + SECOND * 100), 4);
}

#[test]
fn a_token_is_there_for_a_clock_that_was_read_before_the_start_or_a_change() {
    let start = start();
    let mut tokens = Gcra::new(start + SECOND, SECOND, 1);
    assert_eq!(tokens.available(start), 1);
    assert_eq!(at_once(&mut tokens, start), Ok(()));
    tokens.change(start + SECOND * 9, SECOND * 2, 1, [].iter_mut());
    let now = start + SECOND * 8;
    assert_eq!(tokens.available(now), 1);
    assert_eq!(tokens.take(now, now).map(|token| token.due), Ok(now));
    assert_eq!(at_once(&mut tokens, now), Err(SECOND * 3));
}

#[test]
fn tokens_of_the_future_keep_their_number_of_intervals_from_now() {
    let start = start();
    let mut tokens = Gcra::new(start, SECOND, 1);
    let mut taken: Vec<_> =
        (0..4).map(|_| tokens.take(start, start + SECOND * 9).unwrap()).collect();
    let now = start + SECOND / 2;
    tokens.change(now, SECOND * 2, 1, taken[1..].iter_mut());
    let dues: Vec<_> = taken[1..].iter().map(|token| token.due - now).collect();
    assert_eq!(dues, [SECOND, SECOND * 3, SECOND * 5]);
    assert_eq!(at_once(&mut tokens, now), Err(SECOND * 7));
    tokens.give_back(now, &taken[3]);
    assert_eq!(at_once(&mut tokens, now), Err(SECOND * 5), "it is there again");
    // A token of the old rate that was not used lapses.
    tokens.give_back(now, &taken[0]);
    assert_eq!(at_once(&mut tokens, now), Err(SECOND * 5));
}

proptest! {
    #[test]
    fn no_time_sees_more_than_a_burst_and_the_rate_and_none_overtakes(
        burst in 1..6_u32,
        steps in prop::collection::vec((0..1_500_u16, 0..4_000_u64, any::<bool>()), 1..60),
    ) {
        let (start, mut now) = (start(), Duration::ZERO);
        let mut tokens = Gcra::new(start, SECOND, burst);
        let mut taken = Vec::<Taken>::new();
        for (passed, patience, one_leaves) in steps {
            now += Duration::from_millis(passed.into());
            let at = start + now;
            match tokens.take(at, at + Duration::from_millis(patience)) {
                Ok(token) => taken.push(token),
                Err(due) => prop_assert!(due > at + Duration::from_millis(patience)),
            }
            let waiting = taken.partition_point(|token| token.due <= at);
            if one_leaves && waiting < taken.len() {
                let leaving = waiting + usize::from(passed) % (taken.len() - waiting);
                tokens.give_back(at, &taken.remove(leaving));
            }
        }
        prop_assert!(taken.is_sorted_by_key(|token| token.due));
        for (count, from) in taken.iter().enumerate() {
            for (more, to) in taken.iter().skip(count).enumerate() {
                let allowed = u64::from(burst) + (to.due - from.due).as_secs();
                prop_assert!((more as u64) < allowed);
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    /// A bucket of `burst` tokens, which gets a further one each second while it is not full.
    #[test]
    fn a_token_is_there_exactly_when_a_bucket_has_one(
        burst in 1..6_u32,
        steps in prop::collection::vec((0..1_500_u64, 0..4_u32), 1..60),
    ) {
        let (start, mut now) = (start(), 0);
        let mut tokens = Gcra::new(start, SECOND, burst);
        // In thousandths of a token, as many as milliseconds have filled it.
        let full = u64::from(burst) * 1_000;
        let mut bucket = full;
        for (millis, wanted) in steps {
            now += millis;
            bucket = (bucket + millis).min(full);
            let at = start + Duration::from_millis(now);
            prop_assert_eq!(u64::from(tokens.available(at)), bucket / 1_000);
            for _ in 0..wanted {
                let expected = match bucket.checked_sub(1_000) {
                    Some(left) => {
                        bucket = left;
                        Ok(())
                    }
                    None => Err(Duration::from_millis(1_000 - bucket)),
                };
                prop_assert_eq!(at_once(&mut tokens, at), expected);
            }
        }
    }
}
