//! What the breaker counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use futures::{FutureExt as _, future::join_all};
use resilience_actors::{
    Breaker, BreakerSettings, EpochCounts, NotPermitted, Outcome, RetryCounts, State,
    TransitionCount,
};
use support::{
    Script, Step, abandon, answer, breaker, closed, exact, fail, half_open, lab, pass, paused,
    scripted, secs, settle, succeed,
};

/// The numbers of successful, failed and ignored permits.
fn kinds(breaker: &Breaker) -> (u64, u64, u64) {
    let counts = breaker.counts();
    (counts.successful, counts.failed, counts.ignored)
}

#[test]
fn each_permit_counts_once_as_what_was_reported() {
    paused(async {
        let breaker = closed();
        succeed(&breaker, 3).await;
        fail(&breaker, 2).await;
        breaker.admit().await.unwrap().neutral().await;
        drop(breaker.admit().await.unwrap());
        assert_eq!(kinds(&breaker), (3, 2, 2));
    });
}

#[test]
fn trials_count_like_other_permits() {
    paused(async {
        let settings = BreakerSettings { success_threshold: 2, ..Default::default() };
        let breaker = breaker(settings);
        half_open(&breaker).await;
        breaker.admit().await.unwrap().success().await;
        breaker.admit().await.unwrap().neutral().await;
        drop(breaker.admit().await.unwrap());
        breaker.admit().await.unwrap().failure("status 500").await;
        assert_eq!(kinds(&breaker), (1, 6, 2));
    });
}

#[test]
fn successes_add_up_over_epochs_including_late_ones() {
    paused(async {
        let breaker = closed();
        succeed(&breaker, 10).await;
        let mut late = Vec::new();
        for _ in 0..4 {
            late.push(breaker.admit().await.unwrap());
        }
        breaker.reset().await.unwrap();
        assert_eq!(breaker.counts().successful, 10, "none is lost while a permit is out");
        succeed(&breaker, 5).await;
        breaker.reset().await.unwrap();
        succeed(&breaker, 1).await;
        for (reported, permit) in (0..).zip(late) {
            assert_eq!(breaker.counts().successful, 16 + reported);
            permit.success().await;
        }
        let counts = breaker.counts();
        assert_eq!(counts.successful, 20);
        assert_eq!(counts.epoch, EpochCounts { number: 2, successful: 1 });
    });
}

/// On real threads.
#[test]
fn the_sum_never_falls_while_epochs_end() {
    actix_rt::System::new().block_on(async {
        let home = actix_rt::Arbiter::new();
        let breaker = Breaker::start_on(Default::default(), &home.handle());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let breaker = breaker.clone();
                std::thread::spawn(move || {
                    for _ in 0..20_000 {
                        succeed(&breaker, 1).now_or_never().expect("no message");
                    }
                })
            })
            .collect();
        let mut last = 0;
        while !threads.iter().all(std::thread::JoinHandle::is_finished) {
            let now = breaker.counts().successful;
            assert!(now >= last, "{last} then {now}");
            last = now;
            breaker.reset().await.unwrap();
        }
        assert_eq!(breaker.counts().successful, 40_000);
    });
}

#[test]
fn rejections_are_counted_by_kind() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::ServerError)], exact());
        let waiting = join_all((0..3).map(|_| lab.call()));
        let opening = async {
            settle().await;
            fail(&breaker, 5).await;
        };
        futures::join!(waiting, opening);
        for _ in 0..2 {
            assert!(breaker.admit().await.is_err());
        }
        pass(secs(30.0)).await;
        let _trial = breaker.admit().await.unwrap();
        assert!(breaker.admit().await.is_err());
        let expected = NotPermitted {
            circuit_open: 2,
            trial_limit: 1,
            released: 3,
            ..NotPermitted::default()
        };
        assert_eq!(breaker.counts().not_permitted, expected);
        assert_eq!(expected.by_circuit(), 6);
    });
}

#[test]
fn calls_are_counted_by_whether_a_retry_helped() {
    paused(async {
        use Outcome::{ClientError, ServerError, Success};
        let steps = [Success, ServerError, Success, ClientError].map(answer);
        let fails_for_good = std::iter::repeat_n(answer(ServerError), 4);
        let (lab, _, breaker) = scripted(steps.into_iter().chain(fails_for_good), exact());
        for _ in 0..4 {
            lab.call().await;
        }
        // These calls cannot be retried, so they are not among the counts of retries.
        lab.call_bare().await;
        lab.call_once().await;
        breaker.force_open().await.unwrap();
        lab.call().await;
        assert_eq!(
            breaker.counts().retries,
            RetryCounts {
                successful_without_retry: 1,
                successful_with_retry: 1,
                failed_without_retry: 2,
                failed_with_retry: 1,
            }
        );
    });
}

#[test]
fn a_call_whose_caller_left_is_not_counted_as_answered() {
    paused(async {
        let (lab, _, breaker) =
            scripted([Step::AnswerAfter(secs(1.0), Outcome::Success.into())], exact());
        abandon(lab.call(), secs(0.5)).await;
        pass(secs(1.0)).await;
        assert_eq!(kinds(&breaker), (1, 0, 0), "the attempt in flight has reported");
        assert_eq!(breaker.counts().retries, RetryCounts::default());
    });
}

#[test]
fn a_repaired_failure_is_counted_as_ignored_and_an_unrepaired_one_as_failed() {
    paused(async {
        let breaker = closed();
        let repaired = Script::new([Outcome::ServerError, Outcome::Success].map(answer));
        lab(&repaired, exact(), &breaker).call().await;
        assert_eq!(kinds(&breaker), (1, 0, 1));
        let left = Script::new([answer(Outcome::ServerError)]);
        let lab = lab(&left, exact(), &breaker);
        abandon(lab.call(), secs(0.5)).await;
        settle().await;
        assert_eq!(kinds(&breaker), (1, 1, 1));

        // A success of another call does not change the count.
        let patience = tokio::time::timeout(secs(0.5), lab.call());
        let success = async {
            pass(secs(0.2)).await;
            succeed(&breaker, 1).await;
        };
        assert!(futures::join!(patience, success).0.is_err());
        settle().await;
        assert_eq!(kinds(&breaker), (2, 2, 1));
        assert_eq!(support::fail_counter(&breaker).await, 0, "the success ends the streak");
    });
}

#[test]
fn transitions_are_counted_by_target_state() {
    paused(async {
        let breaker = closed();
        for _ in 0..2 {
            half_open(&breaker).await;
            breaker.admit().await.unwrap().success().await;
        }
        breaker.reset().await.unwrap();
        let count = |from, to, count| TransitionCount { from, to, count };
        assert_eq!(
            breaker.counts().transitions,
            [
                count(State::Closed, State::Closed, 1),
                count(State::Closed, State::Open, 2),
                count(State::Open, State::HalfOpen, 2),
                count(State::HalfOpen, State::Closed, 2),
            ]
        );
    });
}

#[test]
fn a_discarded_message_leaves_the_mailbox_depth() {
    paused(async {
        let breaker = closed();
        half_open(&breaker).await;
        let mut asking = Box::pin(breaker.admit());
        assert!(futures::poll!(&mut asking).is_pending());
        assert_eq!(breaker.mailbox_depth(), 1);
        drop(asking);
        settle().await;
        assert_eq!(breaker.mailbox_depth(), 0);
    });
}
