//! Calls while the circuit opens, is open, or is half-open.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::future::join_all;
use resilience_actors::{
    Attempt, Breaker, BreakerConfig, CallError, CallLimit, Operation, Outcome, RejectionKind,
    State, Verdict,
};

use crate::support::{
    Lab, NoAnswer, Settings, Step, answer, exact, fail, fail_counter, half_open, now, pass, paused,
    scripted, secs,
};

#[test]
fn five_calls_without_retries_open_and_the_sixth_does_not_touch_the_backend() {
    paused(async {
        let (lab, script, _) = scripted([answer(Outcome::ServerError)], exact());
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
fn retry_after_differs_between_rejected_callers() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::Success)], exact());
        fail(&breaker, 5).await;
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
        let (lab, script, breaker) = scripted([Step::Unreachable(Duration::ZERO)], exact());

        let first = lab.call().await;
        assert!(matches!(first.result, Err(CallError::Transport(NoAnswer))));
        assert_eq!((first.attempts.len(), fail_counter(&breaker).await), (4, 4));
        assert_eq!(script.touched(), 4 * 3, "each attempt is repeated twice, at once");

        let second = lab.call().await;
        assert!(matches!(second.result, Err(CallError::Transport(NoAnswer))));
        assert_eq!((second.attempts.len(), second.state), (1, State::Open));
        assert_eq!(second.elapsed, Duration::ZERO, "no call waits on an open circuit");
    });
}

#[test]
fn the_breaker_opens_while_calls_wait_and_all_are_answered_at_once() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::ServerError)], exact());
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

/// Counts attempts on all threads. Each attempt is answered with a server error.
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

/// On real threads, with the real clock. The waits are so long that only the opening ends them.
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
            let (send, receive) = tokio::sync::oneshot::channel();
            let (failing, rules) = (Failing(touched.clone()), rules.clone());
            let (breaker, limit) = (breaker.clone(), limit.clone());
            worker.spawn(async move {
                let lab = Lab::new(failing, rules, &breaker, limit);
                let calls = (0..CALLS).map(|_| lab.call());
                send.send(join_all(calls).await).unwrap();
            });
            answers.push(receive);
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
fn an_attempt_that_fails_after_the_opening_ends_its_call_at_once() {
    paused(async {
        let slow = Step::AnswerAfter(secs(1.0), Outcome::ServerError.into());
        let (lab, _, breaker) = scripted([slow], exact());
        let (report, ()) = futures::join!(lab.call(), fail(&breaker, 5));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!((report.elapsed, report.state), (secs(1.0), State::Open));
    });
}

#[test]
fn a_trial_makes_one_attempt_and_its_outcome_answers_the_call() {
    paused(async {
        for (outcome, state) in [
            (Outcome::Success, State::Closed),
            (Outcome::ServerError, State::Open),
            (Outcome::Throttled, State::HalfOpen),
        ] {
            let (lab, _, breaker) = scripted([answer(outcome)], exact());
            half_open(&breaker).await;
            let report = lab.call().await;
            assert_eq!(report.result.unwrap().outcome, outcome);
            assert_eq!((report.attempts.len(), report.state), (1, state));
        }
    });
}
