//! Calls between breaker and scheduler: openings, trials, limits, callers who leave, panics.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use resilience_actors::{
    Attempt, Breaker, BreakerConfig, CallError, CallLimit, Observation, Observer, Operation,
    Outcome, Rejection, RejectionKind, State, Upstream, Verdict,
};
use support::{
    Lab, NoAnswer, Script, Settings, Step, answer, closed, exact, fail, fail_counter, lab, now,
    pass, paused, secs,
};

#[test]
fn five_calls_without_retries_open_and_the_sixth_does_not_touch_the_backend() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let lab = lab(&script, exact(), &breaker);
        for call in 1..=5 {
            let report = lab.call_once().await;
            assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
            let expected = if call < 5 { State::Closed } else { State::Open };
            assert_eq!(report.state, expected, "the state after the call's own report");
        }
        let report = lab.call().await;
        let rejection = report.rejection().unwrap();
        assert_eq!(rejection.kind(), RejectionKind::CircuitOpen);
        let retry_after = rejection.retry_after();
        assert!((30.0..=33.0).contains(&retry_after.as_secs_f64()), "{retry_after:?}");
        assert_eq!((script.touched(), report.attempts.len()), (5, 0));
    });
}

#[test]
fn rejected_callers_are_told_to_come_back_at_different_times() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::Success)]), closed());
        fail(&breaker, 5).await;
        let lab = lab(&script, exact(), &breaker);
        let mut times = Vec::new();
        for _ in 0..100 {
            times.push(lab.call().await.rejection().unwrap().retry_after());
        }
        times.sort_unstable();
        assert!(times[99] - times[0] > secs(2.0), "{:?} to {:?}", times[0], times[99]);
    });
}

#[test]
fn a_dead_backend_opens_the_breaker_within_the_second_call() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Unreachable(Duration::ZERO)]), closed());
        let lab = lab(&script, exact(), &breaker);

        let first = lab.call().await;
        assert!(matches!(first.result, Err(CallError::Transport(NoAnswer))));
        assert_eq!((first.attempts.len(), fail_counter(&breaker).await), (4, 4));
        assert_eq!(script.touched(), 4 * 3, "each attempt is repeated twice, at once");

        let second = lab.call().await;
        assert!(matches!(second.result, Err(CallError::Transport(NoAnswer))));
        assert_eq!((second.attempts.len(), second.state), (1, State::Open));
        assert_eq!(second.elapsed, Duration::ZERO, "nobody waits on an open circuit");
    });
}

#[test]
fn the_breaker_opens_while_calls_wait_and_all_are_answered_at_once() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let lab = lab(&script, exact(), &breaker);
        let start = now();
        let calls = (0..50).map(|_| lab.call());
        let opening = async {
            pass(secs(0.5)).await;
            assert_eq!(lab.limit.waiting(), 50);
            fail(&breaker, 5).await;
        };
        let (reports, ()) = futures::join!(join_all(calls), opening);
        for report in reports {
            let rejection = report.rejection().unwrap();
            assert_eq!(rejection.kind(), RejectionKind::Released);
            let retry_after = rejection.retry_after().as_secs_f64();
            assert!((30.0..=33.0).contains(&retry_after), "{retry_after}");
            assert_eq!(report.elapsed, secs(0.5));
            assert_eq!(report.attempts[0].wait, Some(secs(0.5)));
        }
        assert_eq!(now() - start, secs(0.5));
        assert_eq!((script.touched(), lab.limit.in_use()), (50, 0));
        assert_eq!(lab.limit.waiting(), 0);
    });
}

/// Counts attempts on all threads; each says 500.
#[derive(Clone)]
struct Failing(Arc<AtomicUsize>);

impl Operation for Failing {
    type Answer = ();
    type Error = NoAnswer;

    async fn run(&self, _: Attempt<'_>) -> Result<(), NoAnswer> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn classify(&self, _: &Result<(), NoAnswer>) -> Verdict {
        Outcome::ServerError.into()
    }
}

#[test]
fn the_breaker_opens_and_the_calls_of_every_worker_are_answered_at_once() {
    const WORKERS: usize = 3;
    const CALLS: usize = 40;
    actix_rt::System::new().block_on(async {
        let home = actix_rt::Arbiter::new();
        let breaker = Breaker::start_on(BreakerConfig::default(), &home.handle());
        let (limit, touched) = (CallLimit::new(1_000), Arc::new(AtomicUsize::new(0)));
        let hours = Duration::from_secs(3_600);
        let rules = Settings {
            base_delay: hours,
            max_delay: hours,
            call_deadline: hours * 24,
            ..Default::default()
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| actix_rt::Arbiter::new()).collect();
        let mut answers = Vec::new();
        for worker in &workers {
            let (tell, told) = tokio::sync::oneshot::channel();
            let (failing, rules) = (Failing(touched.clone()), rules.clone());
            let (breaker, limit) = (breaker.clone(), limit.clone());
            worker.spawn(async move {
                let lab = Lab::new(failing, rules, &breaker, limit);
                let calls = (0..CALLS).map(|_| lab.call());
                tell.send(join_all(calls).await).unwrap();
            });
            answers.push(told);
        }
        while limit.waiting() < WORKERS * CALLS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fail(&breaker, 5).await;
        for answers in answers {
            for report in answers.await.unwrap() {
                assert_eq!(report.rejection().unwrap().kind(), RejectionKind::Released);
            }
        }
        assert_eq!(touched.load(Ordering::SeqCst), WORKERS * CALLS, "one attempt each");
        assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
    });
}

#[test]
fn an_attempt_that_ends_after_the_opening_answers_its_call_without_a_wait() {
    paused(async {
        let slow = Step::AnswerAfter(secs(1.0), Outcome::ServerError.into());
        let (script, breaker) = (Script::new([slow]), closed());
        let lab = lab(&script, exact(), &breaker);
        let (report, ()) = futures::join!(lab.call(), fail(&breaker, 5));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!((report.elapsed, report.state), (secs(1.0), State::Open));
    });
}

#[test]
fn a_caller_who_leaves_during_a_wait_ends_the_call_and_its_failure_counts() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let lab = lab(&script, exact(), &breaker);
        let patience = tokio::time::timeout(secs(0.5), lab.call());
        assert!(patience.await.is_err());
        pass(secs(0.0)).await;
        assert_eq!((lab.limit.in_use(), lab.limit.waiting()), (0, 0));
        assert_eq!(fail_counter(&breaker).await, 1);
        pass(secs(60.0)).await;
        assert_eq!(script.touched(), 1);
    });
}

#[test]
fn a_caller_who_leaves_during_an_attempt_does_not_hide_it_from_the_breaker() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let lab = lab(&script, exact(), &breaker);
        for left in 1..=5 {
            let patience = tokio::time::timeout(secs(0.5), lab.call());
            assert!(patience.await.is_err());
            assert_eq!(lab.limit.in_use(), 1, "the attempt keeps its place");
            pass(secs(2.6)).await;
            assert_eq!((script.touched(), lab.limit.in_use()), (left, 0));
        }
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_trial_is_one_attempt_and_its_outcome_is_the_answer() {
    paused(async {
        for (outcome, state) in [
            (Outcome::Success, State::Closed),
            (Outcome::ServerError, State::Open),
            (Outcome::Throttled, State::HalfOpen),
        ] {
            let (script, breaker) = (Script::new([answer(outcome)]), closed());
            fail(&breaker, 5).await;
            pass(secs(30.0)).await;
            let report = lab(&script, exact(), &breaker).call().await;
            assert_eq!(report.result.unwrap().outcome, outcome);
            assert_eq!((report.attempts.len(), report.state), (1, state));
        }
    });
}

#[test]
fn calls_beyond_the_limit_are_turned_away_at_once_and_do_not_count() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let lab = Lab::new(script.clone(), Settings::default(), &breaker, CallLimit::new(2));
        let third = async { lab.call().await };
        let (_, _, third) = futures::join!(lab.call(), lab.call_bare(), third);
        let Err(CallError::Rejected(rejection)) = third.result else { panic!("{third:?}") };
        assert_eq!(rejection, Rejection::new(RejectionKind::Overloaded, secs(1.0)));
        assert_eq!(third.elapsed, Duration::ZERO);
    });
}

#[test]
fn a_panic_in_an_attempt_fails_that_call_only_and_gives_its_permit_back() {
    paused(async {
        let script = Script::new([Step::Panic, answer(Outcome::Success)]);
        let breaker = closed();
        fail(&breaker, 5).await;
        pass(secs(30.0)).await;
        let lab = lab(&script, exact(), &breaker);

        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::Panicked)), "{report:?}");
        assert_eq!(report.state, State::Open, "the trial failed");
        assert_eq!(lab.limit.in_use(), 0);

        pass(secs(30.0)).await;
        let report = lab.call().await;
        assert!(report.result.is_ok());
        assert_eq!(report.state, State::Closed);
    });
}

#[test]
fn a_hundred_thousand_waiting_calls_are_all_answered_in_due_order() {
    const CALLS: usize = 100_000;
    paused(async {
        let failed = std::iter::repeat_n(answer(Outcome::Throttled), CALLS);
        let script = Script::new(failed.chain([answer(Outcome::Success)]));
        let lab = lab(&script, Settings::default(), &closed());
        let calls = (0..CALLS).map(|_| lab.call());
        let mut reports = join_all(calls).await;
        assert!(reports.iter().all(|report| report.result.is_ok()));

        // The order of the second attempts is that of the waits that each had drawn.
        reports.sort_by_key(|report| report.attempts[0].wait);
        let second = script.times().split_off(CALLS);
        assert_eq!(second.len(), CALLS);
        assert!(second.is_sorted());
        let (first, last) = (second[0], second[CALLS - 1]);
        assert!(last - first > secs(0.09) && last - first <= secs(0.102), "{:?}", last - first);
        assert_eq!(lab.limit.waiting(), 0);
    });
}

#[test]
fn a_call_whose_scheduler_is_gone_is_lost_and_the_next_call_gets_a_new_scheduler() {
    let script = Script::new([answer(Outcome::Throttled), answer(Outcome::Success)]);
    let (lab, mut waiting) = paused(async {
        let lab = lab(&script, exact(), &closed());
        let (upstream, operation) = (lab.protected.clone(), script.clone());
        let mut waiting = Box::pin(async move { upstream.run(operation).await });
        assert!(futures::poll!(&mut waiting).is_pending());
        support::settle().await;
        assert_eq!(lab.limit.waiting(), 1);
        (lab, waiting)
    });
    // The thread's actix system has ended, and its scheduler with it.
    paused(async move {
        let report = (&mut waiting).await;
        assert!(matches!(report.result, Err(CallError::Lost)), "{report:?}");
        assert!(lab.call_bare().await.result.is_ok());
        assert_eq!(resilience_actors::retry::schedulers_died(), 0, "it ended with its system");
    });
}

#[test]
fn callers_who_leave_late_do_not_open_the_circuit_of_a_backend_that_has_recovered() {
    paused(async {
        let failed = std::iter::repeat_n(answer(Outcome::ServerError), 5);
        let script = Script::new(failed.chain([answer(Outcome::Success)]));
        let breaker = closed();
        let lab = lab(&script, exact(), &breaker);
        let impatient = (0..5).map(|_| tokio::time::timeout(secs(0.5), lab.call()));
        let good = async {
            pass(secs(0.2)).await;
            lab.call().await
        };
        let (left, good) = futures::join!(join_all(impatient), good);
        assert!(left.iter().all(Result::is_err) && good.result.is_ok());
        support::settle().await;
        assert_eq!((breaker.state(), fail_counter(&breaker).await), (State::Closed, 0));
    });
}

#[test]
fn a_caller_who_leaves_just_as_the_retry_falls_due_does_not_take_the_failure_along() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let lab = lab(&script, exact(), &breaker);
        // A task of its own, whose patience ends in the turn in which the next attempt is begun:
        // after the scheduler has woken the call, and before the attempt.
        let caller = actix_rt::spawn(async move {
            let mut call = Box::pin(lab.call());
            assert!(futures::poll!(&mut call).is_pending());
            support::settle().await;
            assert_eq!(lab.limit.waiting(), 1);
            tokio::time::sleep(secs(1.0)).await;
            assert_eq!(lab.limit.waiting(), 0, "the next attempt is on its way");
            drop(call);
        });
        caller.await.unwrap();
        support::settle().await;
        assert_eq!((script.touched(), fail_counter(&breaker).await), (1, 1));
    });
}

#[test]
fn a_caller_who_leaves_before_the_first_attempt_touches_nothing_and_keeps_no_trial() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::Success)]), closed());
        let lab = lab(&script, exact(), &breaker);
        for half_open in [false, true] {
            if half_open {
                fail(&breaker, 5).await;
                pass(secs(30.0)).await;
            }
            let mut call = Box::pin(lab.call());
            assert!(futures::poll!(&mut call).is_pending());
            drop(call);
            support::settle().await;
            assert_eq!((script.touched(), lab.limit.in_use()), (0, 0));
            assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);
        }
    });
}

#[test]
fn a_call_has_given_its_place_back_before_it_is_answered() {
    paused(async {
        let lab = Lab::new(Failing(Arc::default()), exact(), &closed(), CallLimit::new(1));
        for _ in 0..2_000 {
            let report = lab.call_bare().await;
            assert!(report.result.is_ok(), "{report:?}");
        }
    });
}

#[test]
fn an_operation_that_panics_on_the_question_of_idempotency_fails_its_call_only() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::Success)]).touchy(), closed());
        let lab = lab(&script, exact(), &breaker);
        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::Panicked)), "{report:?}");
        assert_eq!(fail_counter(&breaker).await, 1);
    });
}

#[test]
fn a_breaker_ends_when_neither_a_handle_nor_an_upstream_holds_it() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::Success)]), closed());
        let lab = lab(&script, exact(), &breaker);
        lab.call().await;
        let gone = breaker.stopped();
        drop((lab, breaker));
        gone.await;
    });
}

#[test]
fn observers_are_told_of_each_attempt_as_it_ends_also_if_its_caller_has_left() {
    paused(async {
        let steps = [answer(Outcome::ServerError), Step::Hang];
        let script = Script::new(steps);
        let lab = lab(&script, exact(), &closed());
        let begin = now();
        // It leaves in its second attempt, which begins after 1 s and may take 3.
        let call = lab.call();
        assert!(tokio::time::timeout(secs(2.0), call).await.is_err());
        assert_eq!(lab.ended(), [(begin, Outcome::ServerError)]);
        pass(secs(3.0)).await;
        let expected = [(begin, Outcome::ServerError), (begin + secs(4.0), Outcome::TimedOut)];
        assert_eq!(lab.ended(), expected);
    });
}

/// Counts what it is told, and panics over it.
struct Panics(AtomicUsize);

impl Observer for Panics {
    fn observe(&self, _: &Observation<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("not to be told");
    }
}

#[test]
fn an_observer_that_panics_costs_nothing() {
    paused(async {
        let (breaker, observer) = (closed(), Arc::new(Panics(AtomicUsize::new(0))));
        let builder = Upstream::builder("touchy").breaker(breaker.clone());
        let upstream = builder.observer(Arc::<Panics>::clone(&observer)).start().unwrap();
        let report = upstream.run(Script::new([answer(Outcome::Unsupported)])).await;
        assert_eq!(report.result.unwrap().outcome, Outcome::Unsupported);
        assert_eq!(fail_counter(&breaker).await, 1);
        assert_eq!(observer.0.load(Ordering::SeqCst), 3, "admitted, attempt ended, call ended");
    });
}
