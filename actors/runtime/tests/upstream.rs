//! Upstreams as their users see them: closures, threads, gates and observers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Mutex, mpsc::channel},
    time::Instant,
};

use resilience_actors::{
    Breaker, BreakerChoice, CallError, Gate, Observation, Observer, Rejection, RejectionKind,
    Sample, State, Upstream,
};
use support::{paused, secs, without_jitter};

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
            let (tell, told) = tokio::sync::oneshot::channel();
            worker.spawn_fn(move || {
                actix_rt::spawn(async move {
                    let answer = upstream.call_once(async |_| Err::<(), _>("failed")).await;
                    tell.send((answer.is_err(), upstream.state())).unwrap();
                });
            });
            assert_eq!(told.await.unwrap(), (true, expected));
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
fn settings_that_break_a_rule_are_refused_by_name() {
    let error = Upstream::builder("x").timeout(secs(0.0)).start().unwrap_err();
    assert!(error.to_string().starts_with("attempt_timeout = 0"), "{error}");
    let error = Upstream::builder("x").timeout(secs(3.0)).deadline(secs(2.0)).start().unwrap_err();
    assert!(error.to_string().ends_with("no less than attempt_timeout = 3"), "{error}");
    let start = |timeout, breaker: BreakerChoice| {
        let upstream = Upstream::builder("x").timeout(secs(timeout)).breaker(breaker);
        upstream.start().unwrap_err().to_string()
    };
    let too_short = "trial_lease = 5 is not valid: expected no less than attempt_timeout = 6";
    assert_eq!(start(6.0, Breaker::consecutive(5).into()), too_short);
    let never_slow = "slow_call = 2 is not valid: expected less than attempt_timeout = 2";
    assert_eq!(start(2.0, Breaker::slow_rate(0.5, secs(2.0)).into()), never_slow);
    paused(async {
        let running = Breaker::start(Breaker::consecutive(5).try_into().unwrap());
        assert_eq!(start(6.0, running.into()), too_short);
    });
}

/// Admits two attempts, and notes the end of each pass.
#[derive(Default)]
struct AdmitsTwo(Mutex<(u64, Vec<String>)>);

impl Gate for AdmitsTwo {
    fn admit(&self, _: Instant) -> Result<u64, Rejection> {
        let admitted = &mut self.0.lock().unwrap().0;
        if *admitted == 2 {
            return Err(Rejection::by_gate("two", "two are enough", secs(5.0)));
        }
        *admitted += 1;
        Ok(*admitted)
    }

    fn settle(&self, pass: u64, sample: &Sample) {
        self.0.lock().unwrap().1.push(format!("{pass} {:?} {}", sample.outcome, sample.retried));
    }

    fn dropped(&self, pass: u64) {
        self.0.lock().unwrap().1.push(format!("{pass} dropped"));
    }
}

#[test]
fn a_users_gate_admits_settles_and_rejects() {
    paused(async {
        let gate = Arc::new(AdmitsTwo::default());
        let builder =
            Upstream::builder("gated").breaker(Breaker::consecutive(5)).retry(without_jitter());
        let upstream = builder.gate(Arc::<AdmitsTwo>::clone(&gate)).start().unwrap();
        let report = upstream.report(async |_| Err::<(), _>("failed")).await;
        let Err(CallError::Rejected(rejection)) = report.result else { panic!("{report:?}") };
        assert_eq!((rejection.gate(), rejection.to_string()), ("two", "two are enough".into()));
        assert!(rejection.retry_after() >= secs(5.0));
        assert_eq!(gate.0.lock().unwrap().1, ["1 ServerError true", "2 ServerError true"]);
        let counts = upstream.breaker().unwrap().counts();
        assert_eq!((counts.not_permitted.gate, counts.not_permitted.by_circuit()), (1, 0));
        // The failures before the rejection count when the call ends, and an unused permit is neutral.
        assert_eq!((counts.failed, counts.ignored), (1, 2));
    });
}

#[test]
fn a_failure_before_a_rejection_by_a_gate_counts_before_the_call_is_answered() {
    paused(async {
        let builder =
            Upstream::builder("gated").breaker(Breaker::consecutive(1)).retry(without_jitter());
        let gate = Arc::new(AdmitsTwo(Mutex::new((1, Vec::new()))));
        let upstream = builder.gate(gate).start().unwrap();
        let report = upstream.report(async |_| Err::<(), _>("failed")).await;
        assert!(matches!(report.result, Err(CallError::Rejected(_))), "{report:?}");
        assert_eq!((report.attempts.len(), report.state), (1, State::Open));
    });
}

struct PanickingGate;

impl Gate for PanickingGate {
    fn admit(&self, _: Instant) -> Result<u64, Rejection> {
        panic!("a gate");
    }

    fn settle(&self, _: u64, _: &Sample) {}
}

/// Its `Display` panics.
struct PanickingError;

impl std::fmt::Display for PanickingError {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("an error")
    }
}

#[test]
fn a_panic_of_a_gate_is_a_rejection_and_one_of_an_error_hides_no_failure() {
    paused(async {
        let upstream = Upstream::builder("gated").gate(Arc::new(PanickingGate)).start().unwrap();
        let report = upstream.report(async |_| Ok::<_, String>(1)).await;
        assert_eq!(report.rejection().unwrap().kind(), RejectionKind::Gate);
        let upstream = Upstream::builder("fails").breaker(Breaker::consecutive(1)).start().unwrap();
        let answer = upstream.call(async |_| Err::<(), _>(PanickingError)).await;
        assert!(matches!(answer, Err(CallError::Transport(PanickingError))));
        assert_eq!(upstream.state(), State::Open);
    });
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
        assert!(matches!(answer, Err(CallError::DeadlineExceeded(_))), "{answer:?}");
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

/// Notes each observation.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        let note = match observation {
            Observation::Transition { transition, .. } => format!("{transition}"),
            Observation::Admitted { attempt, .. } => format!("admitted {attempt}"),
            Observation::AttemptEnded { attempt, .. } => format!("ended {:?}", attempt.outcome),
            Observation::RetryScheduled(retry) => format!("waits {:?}", retry.wait),
            Observation::Released { calls, .. } => format!("released {calls}"),
            Observation::CallEnded(ended) => format!("call {:?}", ended.outcome),
            Observation::Rejected { rejection, .. } => format!("{:?}", rejection.kind()),
            _ => return,
        };
        self.0.lock().unwrap().push(note);
    }
}

#[test]
fn an_observer_sees_the_whole_life_of_a_call_and_the_transition_that_it_causes() {
    paused(async {
        let notes = Arc::new(Notes::default());
        let retry = without_jitter().attempts(2);
        let builder = Upstream::builder("seen").breaker(Breaker::consecutive(1)).retry(retry);
        let upstream = builder.observer(Arc::<Notes>::clone(&notes)).start().unwrap();
        support::settle().await;
        let _ = upstream.call(async |_| Err::<(), _>("failed")).await;
        let _ = upstream.call(async |_| Err::<(), _>("failed")).await;
        let kind = format!("{:?}", RejectionKind::CircuitOpen);
        assert_eq!(
            *notes.0.lock().unwrap(),
            [
                "admitted 1",
                "ended ServerError",
                "waits 1s",
                "admitted 2",
                "ended ServerError",
                "circuit_breaker: closed -> open (1 consecutive failures, last: failed; half-open in 30.0s)",
                "call Failure",
                &kind,
                "call Rejected",
            ]
        );
    });
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
