//! A caller's own deadline: it bounds the call, and what is left of it is passed on.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::future::join;
use resilience_actors::{
    Attempt, Breaker, CallError, CallOptions, Concurrency, Operation, Outcome, Rejection,
    RejectionKind, State, Upstream,
};

use crate::support::{
    NoAnswer, Script, Settings, Step, answer, breaker, closed, exact, half_open, lab, now, pass,
    paused, scripted, secs, settle, without_jitter,
};

fn within(time: Duration) -> CallOptions {
    CallOptions::new().time_left(time)
}

fn is_over<T, E>(result: &Result<T, CallError<E>>, time: Duration) -> bool {
    matches!(result, Err(CallError::DeadlineExceeded(over)) if *over == time)
}

/// An upstream that answers each attempt with an error at its deadline, or after this time if that is earlier. Keeps
/// what was left of the deadline at the start of each attempt.
#[derive(Clone)]
struct Told {
    after: Duration,
    left: Rc<RefCell<Vec<Option<Duration>>>>,
}

impl Told {
    fn after(after: Duration) -> Self {
        Self { after, left: Rc::default() }
    }
}

impl Operation for Told {
    type Answer = ();
    type Error = NoAnswer;

    async fn run(&self, attempt: Attempt<'_>) -> Result<(), NoAnswer> {
        let left = attempt.deadline.map(|deadline| deadline - now());
        self.left.borrow_mut().push(left);
        tokio::time::sleep(left.map_or(self.after, |left| left.min(self.after))).await;
        Err(NoAnswer)
    }
}

#[test]
fn the_first_attempt_ends_at_the_callers_deadline_and_says_nothing_about_the_upstream() {
    paused(async {
        let (lab, script, breaker) = scripted([Step::Hang], exact());
        for _ in 0..10 {
            let report = lab.protected.run_with(within(secs(0.5)), script.clone()).await;
            assert!(is_over(&report.result, secs(0.5)), "{report:?}");
            assert_eq!((report.attempts.len(), report.elapsed), (1, secs(0.5)));
            assert_eq!(report.attempts[0].outcome, Outcome::DeadlineExceeded);
        }
        assert_eq!(breaker.state(), State::Closed);

        let report = lab.protected.run_with(within(secs(3.5)), script).await;
        assert_eq!(report.attempts[0].outcome, Outcome::TimedOut, "{report:?}");
    });
}

#[test]
fn each_attempt_is_told_what_is_left_of_the_earlier_deadline() {
    paused(async {
        let upstream = Upstream::builder("told").retry(without_jitter()).deadline(secs(30.0));
        let upstream = upstream.timeout(secs(5.0)).start().unwrap();
        let told = |after| Told::after(secs(after));
        for (options, expected) in [
            (within(secs(10.0)), [Some(secs(10.0)), Some(secs(8.5)), Some(secs(6.0))]),
            (within(secs(60.0)), [Some(secs(30.0)), Some(secs(28.5)), Some(secs(26.0))]),
            (within(Duration::MAX), [None; 3]),
            (CallOptions::new(), [None; 3]),
        ] {
            let operation = told(0.5);
            upstream.run_with(options, operation.clone()).await;
            assert_eq!(operation.left.borrow()[..3], expected);
        }
    });
}

#[test]
fn a_wait_that_would_pass_the_callers_deadline_is_not_begun() {
    paused(async {
        let (lab, script, _) = scripted([answer(Outcome::ServerError)], exact());
        let report = lab.protected.run_with(within(secs(2.9)), script.clone()).await;
        assert_eq!((report.attempts.len(), report.elapsed), (2, secs(1.0)));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
    });
}

#[test]
fn a_call_without_time_makes_no_attempt_and_takes_no_trial() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::Success)], exact());
        half_open(&breaker).await;
        let report = lab.protected.run_with(within(Duration::ZERO), script.clone()).await;
        assert!(is_over(&report.result, Duration::ZERO), "{report:?}");
        assert_eq!((report.attempts.len(), report.elapsed), (0, Duration::ZERO));
        assert_eq!((script.touched(), lab.limit.in_use()), (0, 0));
        assert_eq!(lab.call().await.result.unwrap().outcome, Outcome::Success);
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn a_trial_that_the_callers_deadline_ends_gives_its_permit_back() {
    paused(async {
        let (lab, script, breaker) = scripted([Step::Hang, answer(Outcome::Success)], exact());
        half_open(&breaker).await;
        let report = lab.protected.run_with(within(secs(0.1)), script).await;
        assert!(is_over(&report.result, secs(0.1)), "{report:?}");
        assert_eq!(breaker.state(), State::HalfOpen);
        lab.call().await;
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn an_upstream_that_gives_up_at_the_callers_deadline_has_not_failed() {
    paused(async {
        let upstream = Upstream::builder("told").breaker(Breaker::consecutive(1));
        let upstream = upstream.timeout(secs(3.0)).start().unwrap();
        let told = Told::after(secs(60.0));
        let report = upstream.run_with(within(secs(2.0)), told.clone()).await;
        assert_eq!(report.attempts[0].outcome, Outcome::DeadlineExceeded, "{report:?}");
        assert_eq!(upstream.state(), State::Closed);

        let early = Told::after(secs(1.9));
        upstream.run_with(within(secs(2.0)), early).await;
        assert_eq!(upstream.state(), State::Open);
    });
}

#[test]
fn a_slow_upstream_counts_as_slow_also_if_the_callers_deadline_ends_the_attempt() {
    paused(async {
        let breaker = breaker(Breaker::slow_rate(0.5, secs(0.2)).over_calls(4).at_least(4));
        let script = Script::new([Step::Hang]);
        let lab = lab(&script, exact(), &breaker);
        for expected in [State::Closed, State::Closed, State::Closed, State::Open] {
            lab.protected.run_with(within(secs(0.5)), script.clone()).await;
            assert_eq!(breaker.state(), expected);
        }
    });
}

#[test]
fn an_attempt_waits_for_its_place_no_longer_than_the_callers_deadline() {
    paused(async {
        let concurrency = Some(Concurrency::at_most(1).queue(1).wait(secs(10.0)));
        let settings = Settings { concurrency, ..exact() };
        let script = Script::new([Step::Hang]);
        let lab = lab(&script, settings, &closed());
        let second = async {
            settle().await;
            lab.protected.run_with(within(secs(1.0)), script.clone()).await
        };
        let (_, report) = join(lab.call_once(), second).await;
        let kind = report.rejection().map(Rejection::kind);
        assert_eq!((kind, report.elapsed), (Some(RejectionKind::ConcurrencyLimit), secs(1.0)));
        pass(secs(1.0)).await;
        assert_eq!((lab.limit.in_use(), script.touched()), (0, 1));
    });
}
