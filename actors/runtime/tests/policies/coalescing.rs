//! Identical requests in flight share one call.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_rt::System;
use futures::future::{join, join_all};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{
    CallId, CoalesceSnapshot, Coalescer, Outcome, SharedCallLost, State, Verdict,
};
use tokio::{
    task::yield_now,
    time::{sleep, timeout},
};

use crate::support::{
    Lab, Script, Step, abandon, closed, exact, lab, pass, paused, scripted, secs, settle,
};

type Shared = Coalescer<&'static str, Result<CallId, String>>;

fn slow() -> Step {
    Step::AnswerAfter(secs(1.0), Outcome::Success.into())
}

/// A call of the lab's upstream by `key`, which tells the number of the call that was made.
async fn call(
    coalescer: &Shared,
    key: &'static str,
    lab: &Lab<Script>,
) -> Result<Result<CallId, String>, SharedCallLost> {
    let lab = lab.clone();
    let made = async move || {
        let report = lab.call().await;
        report.result.map(|_: Verdict| report.id).map_err(|error| error.to_string())
    };
    coalescer.call(key, made).await
}

fn idle(coalescer: &Shared) -> bool {
    let CoalesceSnapshot { in_flight, callers, .. } = coalescer.snapshot();
    (in_flight, callers) == (0, 0)
}

#[test]
fn a_thousand_callers_of_one_key_make_one_attempt_and_the_next_caller_another() {
    paused(async {
        let (lab, script, breaker) = scripted([slow()], exact());
        let coalescer = Shared::new();
        let calls = join_all((0..1_000).map(|_| call(&coalescer, "x", &lab)));
        let seen = async {
            pass(secs(0.5)).await;
            coalescer.snapshot()
        };
        let (answers, snapshot) = join(calls, seen).await;
        let expected = CoalesceSnapshot { in_flight: 1, callers: 1_000, coalesced: 999 };
        assert_eq!(snapshot, expected);
        let first = answers[0].clone();
        assert!(first.as_ref().is_ok_and(Result::is_ok) && answers.iter().all(|a| *a == first));
        assert_eq!((script.touched(), breaker.counts().successful), (1, 1));

        let next = call(&coalescer, "x", &lab).await;
        assert!(next.as_ref().is_ok_and(Result::is_ok) && next != first);
        assert_eq!((script.touched(), coalescer.snapshot().coalesced), (2, 999));
        assert!(idle(&coalescer));
    });
}

#[test]
fn different_keys_do_not_share() {
    paused(async {
        let (lab, script, _) = scripted([slow()], exact());
        let coalescer = Shared::new();
        let calls = ["x", "y", "x"].map(|key| call(&coalescer, key, &lab));
        let answers = join_all(calls).await;
        assert!(answers[0] == answers[2] && answers[0] != answers[1]);
        assert_eq!(script.touched(), 2);
    });
}

#[test]
fn the_caller_that_made_the_call_leaves_and_the_others_get_their_answer() {
    paused(async {
        let (lab, script, _) = scripted([slow()], exact());
        let coalescer = Shared::new();
        let leaves = abandon(call(&coalescer, "x", &lab), secs(0.1));
        let stays = call(&coalescer, "x", &lab);
        let comes_later = async {
            sleep(secs(0.5)).await;
            call(&coalescer, "x", &lab).await
        };
        let (((), stays), comes_later) = join(join(leaves, stays), comes_later).await;
        assert!(stays.as_ref().is_ok_and(Result::is_ok) && stays == comes_later);
        assert_eq!(script.touched(), 1);
    });
}

#[test]
fn a_call_whose_callers_have_all_left_makes_no_further_attempt_and_is_shared_no_more() {
    paused(async {
        let steps = [Step::AnswerAfter(secs(1.0), Outcome::ServerError.into()), slow()];
        let (lab, script, breaker) = scripted(steps, exact());
        let coalescer = Shared::new();
        let both = [0.1, 0.2].map(|after| abandon(call(&coalescer, "x", &lab), secs(after)));
        join_all(both).await;
        assert!(idle(&coalescer));
        assert!(call(&coalescer, "x", &lab).await.is_ok_and(|answer| answer.is_ok()));
        pass(secs(10.0)).await;
        // The attempt that was in flight has ended and counts; it was not retried.
        assert_eq!((script.touched(), breaker.counts().failed), (2, 1));
        assert_eq!((lab.limit.in_use(), coalescer.snapshot().coalesced), (0, 1));
    });
}

#[test]
fn a_panic_ends_all_callers_with_an_error_and_the_next_call_is_a_new_one() {
    paused(async {
        let coalescer = Coalescer::new();
        let panics = || {
            coalescer.call("x", async || {
                sleep(secs(1.0)).await;
                panic!("as told");
            })
        };
        let answers = join_all((0..3).map(|_| panics())).await;
        assert_eq!(answers, [Err(SharedCallLost); 3]);
        assert_eq!(coalescer.call("x", async || 1).await, Ok(1));
    });
}

#[test]
fn callers_on_four_threads_share_one_call() {
    let (coalescer, made) = (Coalescer::new(), Arc::new(AtomicUsize::new(0)));
    let threads = [(); 4].map(|()| {
        let (coalescer, made) = (coalescer.clone(), Arc::clone(&made));
        std::thread::spawn(move || {
            System::new().block_on(async {
                let all = coalescer.clone();
                let call = async move || {
                    made.fetch_add(1, Ordering::SeqCst);
                    while all.snapshot().callers < 4 {
                        yield_now().await;
                    }
                    "answer".to_owned()
                };
                coalescer.call("x", call).await
            })
        })
    });
    let answers = threads.map(|thread| thread.join().unwrap());
    assert_eq!(answers, [(); 4].map(|()| Ok("answer".to_owned())));
    assert_eq!((made.load(Ordering::SeqCst), coalescer.snapshot().coalesced), (1, 3));
}

#[test]
fn callers_on_other_threads_are_told_when_the_thread_of_their_call_ends() {
    let coalescer = Coalescer::<_, u8>::new();
    let begun = Arc::new(Barrier::new(2));
    let leader = {
        let (coalescer, begun) = (coalescer.clone(), Arc::clone(&begun));
        std::thread::spawn(move || {
            System::new().block_on(async {
                let hangs = coalescer.call("x", std::future::pending);
                let ends = async {
                    yield_now().await;
                    begun.wait();
                    while coalescer.snapshot().callers < 2 {
                        yield_now().await;
                    }
                };
                tokio::select! { _ = hangs => {}, () = ends => {} }
                assert_eq!(coalescer.snapshot().in_flight, 1);
            });
        })
    };
    begun.wait();
    let answer = System::new().block_on(coalescer.call("x", async || panic!("makes a call")));
    assert_eq!(answer, Err(SharedCallLost));
    leader.join().unwrap();
    assert_eq!(coalescer.snapshot(), CoalesceSnapshot { in_flight: 0, callers: 0, coalesced: 1 });
}

#[test]
fn the_future_of_a_call_is_dropped_with_its_last_caller() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    paused(async {
        let (coalescer, dropped) = (Coalescer::<_, ()>::new(), Rc::new(Cell::new(false)));
        let guard = Dropped(Rc::clone(&dropped));
        let hangs = coalescer.call("x", async move || {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        abandon(hangs, secs(0.1)).await;
        settle().await;
        assert!(dropped.get());
    });
}

#[test]
fn callers_that_come_and_leave_at_random_leave_nothing_behind() {
    paused(async {
        let script = Script::new([Step::AnswerAfter(secs(0.05), Outcome::Success.into())]);
        let (lab, coalescer) = (lab(&script, exact(), &closed()), Shared::new());
        let mut rng = SmallRng::seed_from_u64(1);
        let callers = (0..2_000).map(|_| {
            let (comes, patience) = (rng.random_range(0..2_000), rng.random_range(0..100));
            let key = ["x", "y", "z"][rng.random_range(0..3)];
            let (lab, coalescer) = (&lab, &coalescer);
            async move {
                sleep(Duration::from_millis(comes)).await;
                let call = call(coalescer, key, lab);
                timeout(Duration::from_millis(patience), call).await.ok()
            }
        });
        let answers = join_all(callers.collect::<Vec<_>>()).await;
        assert!(answers.iter().flatten().all(|answer| answer.as_ref().is_ok_and(Result::is_ok)));
        assert!(answers.iter().flatten().count() > 500);
        pass(secs(1.0)).await;
        assert!(idle(&coalescer));
        assert_eq!((lab.limit.in_use(), lab.protected.state()), (0, State::Closed));
        assert!(script.touched() < 300, "{} attempts", script.touched());
    });
}
