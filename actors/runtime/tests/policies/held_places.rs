//! Places under the concurrency limit that answers keep after the end of their calls.

use resilience_actors::{
    Attempt, Breaker, BreakerScope, Concurrency, ConcurrencyPlace, Operation, Outcome, Rejection,
    RejectionKind, Retry, Upstream, Verdict,
};

use crate::support::{NoAnswer, pass, paused, secs, without_jitter};

/// An answer, with the place of its attempt.
#[derive(Debug)]
struct Kept {
    outcome: Outcome,
    place: Option<ConcurrencyPlace>,
    set_aside: bool,
}

/// Answers with these outcomes, one an attempt. `None`: without an answer.
struct Keeping(Vec<Option<Outcome>>);

impl Operation for Keeping {
    type Answer = Kept;
    type Error = NoAnswer;

    async fn run(&self, attempt: Attempt<'_>) -> Result<Kept, NoAnswer> {
        let outcome = self.0[attempt.number as usize - 1];
        outcome.map(|outcome| Kept { outcome, place: None, set_aside: false }).ok_or(NoAnswer)
    }

    fn classify(&self, result: &Result<Kept, NoAnswer>) -> Verdict {
        result.as_ref().map_or(Outcome::Unusable, |kept| kept.outcome).into()
    }

    fn keep_place(&self, answer: &mut Kept, place: ConcurrencyPlace) {
        assert_ne!(answer.outcome, Outcome::ClientError, "a panic is contained");
        answer.place = Some(place);
    }

    fn set_aside(&self, answer: &mut Kept) {
        answer.set_aside = true;
        assert!(answer.place.is_none());
    }
}

fn upstream(concurrency: Concurrency, retry: Option<Retry>) -> Upstream {
    let builder = Upstream::builder("u").concurrency(concurrency);
    match retry {
        Some(retry) => builder.retry(retry),
        None => builder,
    }
    .start()
    .unwrap()
}

async fn call(upstream: &Upstream, outcomes: &[Option<Outcome>]) -> Result<Kept, Rejection> {
    let report = upstream.run(Keeping(outcomes.to_vec())).await;
    match report.rejection() {
        Some(rejection) => Err(rejection.clone()),
        None => Ok(report.result.unwrap_or(Kept {
            outcome: Outcome::Unusable,
            place: None,
            set_aside: false,
        })),
    }
}

fn in_flight(upstream: &Upstream) -> usize {
    upstream.concurrency().unwrap().snapshot().in_flight
}

const SUCCESS: [Option<Outcome>; 1] = [Some(Outcome::Success)];

#[test]
fn an_answer_keeps_its_place_until_it_is_dropped() {
    paused(async {
        let upstream = upstream(Concurrency::at_most(1), None);
        let kept = call(&upstream, &SUCCESS).await.unwrap();
        assert!(kept.place.is_some());
        let rejected = call(&upstream, &SUCCESS).await.unwrap_err();
        assert_eq!((rejected.kind(), in_flight(&upstream)), (RejectionKind::ConcurrencyLimit, 1));
        drop(kept);
        assert_eq!(in_flight(&upstream), 0);
        drop(call(&upstream, &SUCCESS).await.unwrap());
    });
}

#[test]
fn a_queued_attempt_gets_the_place_of_an_answer_that_is_dropped() {
    paused(async {
        let upstream = upstream(Concurrency::at_most(1).queue(1), None);
        let kept = call(&upstream, &SUCCESS).await.unwrap();
        let drops = async {
            pass(secs(0.5)).await;
            drop(kept);
        };
        let (next, ()) = futures::join!(call(&upstream, &SUCCESS), drops);
        assert!(next.unwrap().place.is_some());
        assert_eq!(in_flight(&upstream), 0);
    });
}

#[test]
fn only_the_answer_that_the_call_returns_keeps_a_place() {
    paused(async {
        let upstream = upstream(Concurrency::at_most(1), Some(without_jitter()));
        let kept = call(&upstream, &[Some(Outcome::ServerError), Some(Outcome::Success)]).await;
        assert_eq!(in_flight(&upstream), 1);
        drop(kept);
        for ends in [None, Some(Outcome::ClientError)] {
            let ended = call(&upstream, &[ends, ends, ends]).await.unwrap();
            assert!(ended.place.is_none() && in_flight(&upstream) == 0, "{ended:?}");
        }
    });
}

#[test]
fn the_place_of_an_answer_whose_caller_has_left_is_free() {
    paused(async {
        let upstream = upstream(Concurrency::at_most(1), None);
        let mut leaving = Box::pin(call(&upstream, &SUCCESS));
        assert!(futures::poll!(leaving.as_mut()).is_pending());
        drop(leaving);
        pass(secs(0.1)).await;
        assert_eq!(in_flight(&upstream), 0);
    });
}

#[test]
fn an_answer_is_set_aside_before_its_call_waits_for_a_retry() {
    paused(async {
        let upstream = upstream(Concurrency::at_most(1), Some(without_jitter()));
        let failed = Some(Outcome::ServerError);
        let last = call(&upstream, &[failed, Some(Outcome::Success)]).await.unwrap();
        assert!(!last.set_aside);
        // The first failure opens the circuit, so the call is refused its wait.
        let refusing = Upstream::builder("u")
            .breaker(Breaker::consecutive(1))
            .scope(BreakerScope::Attempt)
            .retry(without_jitter())
            .start()
            .unwrap();
        let returned = call(&refusing, &[failed]).await.unwrap();
        assert!(returned.set_aside, "{returned:?}");
    });
}
