//! Calls of closures, and the threads that make them.

use std::{cell::Cell, rc::Rc, sync::mpsc::channel};

use resilience_actors::{Breaker, CallError, State, Upstream};

use crate::support::{paused, secs, without_jitter};

fn flaky() -> Upstream {
    Upstream::builder("flaky")
        .breaker(Breaker::consecutive(2))
        .retry(without_jitter())
        .start()
        .unwrap()
}

#[test]
fn a_closure_is_called_again_until_it_succeeds() {
    paused(async {
        let calls = Rc::new(Cell::new(0));
        let seen = Rc::clone(&calls);
        let upstream = flaky();
        let answer = upstream.call(async move |attempt| {
            seen.set(seen.get() + 1);
            if attempt.number < 3 { Err("not yet") } else { Ok(attempt.number) }
        });
        assert_eq!((answer.await.unwrap(), calls.get()), (3, 3));
    });
}

#[test]
fn call_once_makes_one_attempt() {
    paused(async {
        let upstream = flaky();
        for expected in [State::Closed, State::Open] {
            let answer = upstream.call_once(async |_| Err::<(), _>("failed")).await;
            assert!(matches!(answer, Err(CallError::Transport("failed"))), "{answer:?}");
            assert_eq!(upstream.state(), expected);
        }
        let report = upstream.report(async |_| Ok::<_, String>(1)).await;
        assert!(matches!(report.result, Err(CallError::Rejected(_))) && report.attempts.is_empty());
    });
}

#[test]
fn a_closure_that_hangs_is_cut_off_at_its_timeout_and_a_call_at_its_deadline() {
    paused(async {
        let upstream = Upstream::builder("slow").timeout(secs(1.0)).deadline(secs(2.5));
        let upstream = upstream.retry(without_jitter()).start().unwrap();
        let report = upstream.report(async |_| std::future::pending::<Result<(), String>>().await);
        let report = report.await;
        assert!(matches!(report.result, Err(CallError::DeadlineExceeded(_))), "{report:?}");
        assert_eq!((report.attempts.len(), report.elapsed), (2, secs(2.5)));
    });
}

#[test]
fn an_upstream_without_policies_returns_every_result_as_it_is() {
    paused(async {
        let bare = Upstream::builder("bare").start().unwrap();
        for _ in 0..100 {
            let answer = bare.call(async |_| Err::<(), _>("failed")).await;
            assert!(matches!(answer, Err(CallError::Transport("failed"))));
        }
        assert_eq!((bare.state(), bare.breaker().is_none()), (State::Closed, true));
    });
}

#[test]
fn one_upstream_serves_every_thread_and_its_breaker_outlives_the_thread_that_called_first() {
    actix_rt::System::new().block_on(async {
        let upstream = flaky();
        for expected in [State::Closed, State::Open] {
            let (worker, upstream) = (actix_rt::Arbiter::new(), upstream.clone());
            let (done, is_done) = tokio::sync::oneshot::channel();
            worker.spawn_fn(move || {
                actix_rt::spawn(async move {
                    let answer = upstream.call_once(async |_| Err::<(), _>("failed")).await;
                    done.send((answer.is_err(), upstream.state())).unwrap();
                });
            });
            assert_eq!(is_done.await.unwrap(), (true, expected));
            worker.stop();
        }
        upstream.breaker().unwrap().reset().await.unwrap();
        assert_eq!(upstream.call(async |_| Ok::<_, String>(7)).await.unwrap(), 7);
    });
}

#[test]
fn an_upstream_works_in_a_tokio_local_set_without_an_actix_system() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let answer = flaky().call(async |_| Ok::<_, String>(7)).await;
        assert_eq!(answer.unwrap(), 7);
    });
}

#[test]
#[should_panic(expected = "only on a thread that runs an actix system or a tokio LocalSet")]
fn a_call_on_a_thread_that_cannot_spawn_tasks_panics_with_a_reason() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let upstream = Upstream::builder("bare").start().unwrap();
    let _ = runtime.block_on(upstream.call(async |_| Ok::<_, String>(7)));
}

#[test]
fn a_hanging_upstream_opens_the_circuit_under_a_deadline_alone() {
    paused(async {
        let builder = Upstream::builder("hangs").breaker(Breaker::consecutive(1));
        let upstream = builder.deadline(secs(2.0)).start().unwrap();
        let hang = async |_: resilience_actors::Attempt<'_>| {
            std::future::pending::<Result<(), String>>().await
        };
        let answer = upstream.call(hang).await;
        assert!(matches!(answer, Err(CallError::TimedOut(_))), "{answer:?}");
        assert_eq!(upstream.state(), State::Open);
        upstream.breaker().unwrap().reset().await.unwrap();
        let connect = async |attempt: resilience_actors::Attempt<'_>| {
            attempt.connecting().set(true);
            std::future::pending::<Result<(), String>>().await
        };
        let answer = upstream.call(connect).await;
        assert!(matches!(answer, Err(CallError::Unconnected(_))), "{answer:?}");
        assert_eq!(upstream.state(), State::Open);
    });
}

#[test]
fn a_call_goes_to_the_scheduler_of_the_system_that_makes_it() {
    let bare = Upstream::builder("bare").start().unwrap();
    let first = actix_rt::System::new();
    assert_eq!(first.block_on(bare.call(async |_| Ok::<_, String>(1))).unwrap(), 1);
    let second = actix_rt::System::new();
    assert_eq!(second.block_on(bare.call(async |_| Ok::<_, String>(2))).unwrap(), 2);
    drop(first);
}

#[test]
fn an_upstream_can_be_made_before_its_thread_runs_anything() {
    let (send, receive) = channel();
    let bare = Upstream::builder("bare").start().unwrap();
    std::thread::spawn(move || {
        let answer = actix_rt::System::new().block_on(bare.call(async |_| Ok::<_, String>(3)));
        send.send(answer.unwrap()).unwrap();
    });
    assert_eq!(receive.recv().unwrap(), 3);
}
