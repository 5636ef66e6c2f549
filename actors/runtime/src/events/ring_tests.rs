//! What a log keeps and what it tells, driven instant by instant.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use super::{
    ring::{Moment, Ring, SourceId},
    *,
};

#[expect(clippy::disallowed_methods, reason = "any instant will do as the first")]
fn start() -> Moment {
    Moment { now: Instant::now(), date: || SystemTime::UNIX_EPOCH }
}

fn later(at: Moment, by: Duration) -> Moment {
    Moment { now: at.now + by, ..at }
}

/// One that is not rare.
const SKIPPED: EventKind = EventKind::CallsSkipped { of: EventType::Call, count: 1 };

/// A ring with one breaker.
fn ring(capacity: usize) -> (Ring, SourceId) {
    let mut ring = Ring::new(capacity);
    let id = ring.add("backend".into());
    (ring, id)
}

/// A ring of `capacity` with `events` resets in it.
fn with_resets(capacity: usize, events: u64) -> Ring {
    let (at, (mut ring, id)) = (start(), ring(capacity));
    for epoch in 1..=events {
        assert_eq!(ring.push(at, id, EventKind::Reset { epoch }), Some(epoch));
    }
    ring
}

fn record(ring: &mut Ring, id: SourceId, at: Moment, of: EventType) -> bool {
    ring.handle_timeout(at);
    let kept = ring.admit(at, id, of);
    if kept {
        // What it is does not matter here.
        ring.push(at, id, EventKind::Reset { epoch: 0 });
    }
    kept
}

fn sequences(events: &[Arc<Event>]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}

fn since(ring: &Ring, after: u64, limit: usize) -> (Vec<u64>, bool) {
    let batch = ring.since(after, limit);
    (sequences(&batch.events), batch.missed)
}

#[test]
fn a_full_ring_drops_its_oldest_events_and_keeps_numbering() {
    let ring = with_resets(3, 5);
    assert_eq!((ring.oldest(), ring.newest()), (3, 5));
    assert_eq!(since(&ring, 2, 10), (vec![3, 4, 5], false));
}

#[test]
fn an_empty_ring_returns_no_events() {
    let (ring, _) = ring(3);
    assert_eq!((ring.oldest(), ring.newest()), (0, 0));
    assert_eq!((since(&ring, 0, 10), since(&ring, 9, 10)), ((vec![], false), (vec![], false)));
}

#[test]
fn since_returns_the_events_after_the_cursor_and_reports_missed_ones() {
    let ring = with_resets(3, 5);
    assert_eq!(since(&ring, 4, 10), (vec![5], false));
    assert_eq!(since(&ring, 5, 10), (vec![], false));
    assert_eq!(since(&ring, u64::MAX, 10), (vec![], false), "a cursor from another life");
    assert_eq!(since(&ring, 1, 10), (vec![3, 4, 5], true), "2 is gone");
    assert_eq!(since(&ring, 0, 2), (vec![3, 4], true));
    assert_eq!(since(&ring, 2, 2), (vec![3, 4], false));
}

#[test]
fn last_returns_the_newest_matching_events_in_order() {
    let (at, (mut ring, id)) = (start(), ring(4));
    for _ in 0..9 {
        ring.push(at, id, SKIPPED);
    }
    assert_eq!(sequences(&ring.last(2, |_| true)), [8, 9]);
    assert_eq!(sequences(&ring.last(10, |event| event.sequence % 2 == 0)), [6, 8]);
    assert_eq!(sequences(&ring.last(0, |_| true)), [] as [u64; 0]);
}

#[test]
fn rare_events_outlive_thousands_of_calls_and_are_bounded() {
    let (at, (mut ring, id)) = (start(), ring(3));
    for epoch in 1..=5 {
        ring.push(at, id, EventKind::Reset { epoch });
        for _ in 0..1000 {
            ring.push(at, id, SKIPPED);
        }
    }
    let resets = |event: &Event| event.kind.event_type() == EventType::Reset;
    assert_eq!(sequences(&ring.last(9, resets)), [2003, 3004, 4005]);
    assert_eq!(sequences(&ring.last(2, resets)), [3004, 4005]);
    // A stream is resumed without gaps, or is told of one.
    assert_eq!((ring.oldest(), since(&ring, 4004, 9)), (5003, (vec![5003, 5004, 5005], true)));
}

#[test]
fn a_ring_of_capacity_zero_keeps_one_event() {
    assert_eq!(since(&with_resets(0, 2), 1, 9), (vec![2], false));
}

#[test]
fn calls_and_retries_past_a_hundred_a_second_are_summed_per_type() {
    let (at, (mut ring, id)) = (start(), ring(1000));
    let kept = (0..150).filter(|_| record(&mut ring, id, at, EventType::Call)).count();
    assert_eq!(kept, 100);
    assert!((0..101).all(|n| record(&mut ring, id, at, EventType::Retry) == (n < 100)));
    assert!(record(&mut ring, id, at, EventType::Transition), "all others are kept");
    assert_eq!((ring.newest(), ring.poll_timeout()), (201, Some(at.now + Duration::from_secs(1))));

    ring.handle_timeout(later(at, Duration::from_millis(999)));
    assert_eq!(ring.newest(), 201);
    ring.handle_timeout(later(at, Duration::from_secs(1)));
    let skipped: Vec<_> = ring.last(2, |_| true).iter().map(|event| event.kind.clone()).collect();
    let sum = |of, count| EventKind::CallsSkipped { of, count };
    assert_eq!(skipped, [sum(EventType::Call, 50), sum(EventType::Retry, 1)]);
    assert_eq!((ring.newest(), ring.poll_timeout()), (203, None));

    let counts: std::collections::HashMap<_, _> = ring.recorded(id).into_iter().collect();
    assert_eq!((counts[&EventType::Call], counts[&EventType::Retry]), (150, 101));
    assert_eq!((counts[&EventType::CallsSkipped], counts[&EventType::Reset]), (2, 0));
}

#[test]
fn breakers_of_one_log_share_its_numbers_and_have_quotas_counts_and_room_of_their_own() {
    let (at, (mut ring, a)) = (start(), ring(100));
    let b = ring.add("b".into());
    assert!((0..101).all(|n| record(&mut ring, a, at, EventType::Call) == (n < 100)));
    assert!(record(&mut ring, b, at, EventType::Call), "its own quota");
    assert_eq!((ring.newest(), ring.oldest()), (101, 1), "room for two breakers");

    let second = later(at, Duration::from_secs(1));
    ring.handle_timeout(second);
    let last = &ring.last(2, |_| true);
    assert_eq!(last.iter().map(|event| &*event.breaker).collect::<Vec<_>>(), ["b", "backend"]);
    let counts = |ring: &Ring, id| ring.recorded(id).into_iter().map(|(_, count)| count).sum();
    assert_eq!([a, b].map(|id| counts(&ring, id)), [102_u64, 1]);

    ring.remove(second, b);
    assert_eq!((counts(&ring, b), ring.last(2, |_| true).len()), (0, 2), "its events stay");
    assert!(!record(&mut ring, b, second, EventType::Call));
}

#[test]
fn what_was_skipped_in_the_last_second_of_a_breaker_that_is_removed_is_told() {
    let (at, (mut ring, _)) = (start(), ring(1000));
    let b = ring.add("b".into());
    for of in [EventType::Call, EventType::Retry] {
        assert_eq!((0..142).filter(|_| record(&mut ring, b, at, of)).count(), 100);
    }
    ring.remove(at, b);
    let sum = |of| ("b".into(), EventKind::CallsSkipped { of, count: 42 });
    let last = ring.last(2, |_| true);
    let told: Vec<_> =
        last.iter().map(|event| (Arc::clone(&event.breaker), event.kind.clone())).collect();
    assert_eq!(told, [sum(EventType::Call), sum(EventType::Retry)]);
    assert_eq!(ring.poll_timeout(), None);
}

#[test]
fn a_log_of_many_breakers_is_bounded() {
    let (at, (mut ring, id)) = (start(), ring(10));
    for n in 0..20 {
        let other = ring.add(n.to_string().into());
        ring.remove(at, other);
    }
    let ids: Vec<_> = (0..20).map(|n: u32| ring.add(n.to_string().into())).collect();
    for other in ids {
        for _ in 0..10 {
            ring.push(at, other, SKIPPED);
        }
    }
    ring.push(at, id, SKIPPED);
    assert_eq!((ring.newest(), ring.oldest()), (201, 122), "room for eight");
}
