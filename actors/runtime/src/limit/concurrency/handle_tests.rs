use futures::{FutureExt as _, future::poll_immediate};

use super::*;

fn limit(max: usize, queue: usize) -> ConcurrencyLimit {
    ConcurrencyLimit::new(Concurrency::at_most(max).queue(queue), rand::make_rng())
}

fn place(limit: &ConcurrencyLimit) -> Place {
    match limit.enter(Priority::Normal, true) {
        Ok(Entered::In(place)) => place,
        _ => panic!("no place is free"),
    }
}

fn queued(limit: &ConcurrencyLimit) -> Queued {
    match limit.enter(Priority::Normal, true) {
        Ok(Entered::Queued(queued)) => queued,
        _ => panic!("not queued"),
    }
}

fn kind(result: Result<impl Sized, Rejection>) -> RejectionKind {
    result.err().expect("a rejection").kind()
}

#[tokio::test(start_paused = true)]
async fn a_freed_place_goes_to_the_attempt_that_waited_longest() {
    let limit = limit(1, 2);
    let first = place(&limit);
    let over = limit.longest_wait(None);
    let (mut second, mut third) =
        (queued(&limit).wait(over).boxed(), queued(&limit).wait(over).boxed());
    assert_eq!(kind(limit.enter(Priority::Normal, true)), RejectionKind::ConcurrencyLimit);
    assert!(poll_immediate(&mut second).await.is_none());
    drop(first);
    assert!(poll_immediate(&mut third).await.is_none());
    let second = second.await.unwrap();
    assert_eq!((limit.snapshot().in_flight, limit.snapshot().queued), (1, 1));
    drop(second);
    drop(third.await.unwrap());
    assert_eq!((limit.snapshot().in_flight, limit.snapshot().queued), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_at_its_limit_or_at_the_deadline() {
    let limit = limit(1, 2);
    let _in_flight = place(&limit);
    for (deadline, expected) in [(None, 1_000), (Some(200), 200), (Some(5_000), 1_000)] {
        let began = clock::now();
        let deadline = deadline.map(|millis| began + Duration::from_millis(millis));
        let ended = queued(&limit).wait(limit.longest_wait(deadline)).await;
        assert_eq!(kind(ended), RejectionKind::ConcurrencyLimit);
        let waited = (clock::now() - began).as_millis();
        assert!((expected..expected + 5).contains(&waited), "{waited} ms");
    }
    assert_eq!(limit.snapshot().queued, 0);
}

#[tokio::test]
async fn an_attempt_that_leaves_frees_its_place_wherever_it_is() {
    let limit = limit(1, 3);
    let in_flight = place(&limit);
    let (gone, handed_over) = (queued(&limit), queued(&limit));
    drop(gone);
    assert_eq!(limit.snapshot().queued, 1);
    drop(in_flight);
    // The place was handed over and not taken yet.
    assert_eq!((limit.snapshot().in_flight, limit.snapshot().queued), (1, 0));
    drop(handed_over);
    assert_eq!(limit.snapshot().in_flight, 0);
}

#[test]
fn an_attempt_that_may_not_wait_is_rejected_at_once() {
    let limit = limit(1, 10);
    let _in_flight = place(&limit);
    assert_eq!(kind(limit.enter(Priority::Normal, false)), RejectionKind::ConcurrencyLimit);
}
