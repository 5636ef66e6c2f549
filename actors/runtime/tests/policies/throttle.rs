//! Fewer attempts at an upstream that refuses many.

use std::{cell::RefCell, rc::Rc, time::Instant};

use futures::future::join_all;
use resilience_actors::{
    Attempt, BreakerSettings, CallLimit, Hedge, Operation, Outcome, Rejection, RejectionKind,
    State, Throttle, ThrottleSnapshot, Upstream, Verdict,
};

use crate::support::{
    Lab, NoAnswer, Script, Settings, Step, answer, breaker, closed, exact, fail, lab, now, pass,
    paused, scripted, secs,
};

/// Each call is one attempt.
fn throttled(ratio: f64) -> Settings {
    Settings { max_attempts: 1, throttle: Some(Throttle::ratio(ratio)), ..exact() }
}

fn state(lab: &Lab<Script>) -> ThrottleSnapshot {
    lab.protected.snapshot().throttle.unwrap()
}

fn requests_and_accepts(lab: &Lab<Script>) -> (u64, u64) {
    (state(lab).requests, state(lab).accepts)
}

/// A refusal that takes a while: attempts that begin together are all made.
fn refusing() -> Step {
    Step::AnswerAfter(secs(0.1), Outcome::Throttled.into())
}

/// An answer of an upstream that is too busy, and which is a failure as well: HTTP's 503.
fn unavailable() -> Step {
    Step::Answer(Verdict { refused: true, ..Outcome::ServerError.into() })
}

#[test]
fn a_growing_share_of_attempts_is_rejected_while_the_upstream_refuses_them() {
    paused(async {
        let (lab, script, breaker) = scripted([refusing()], throttled(2.0));
        let reports = join_all((0..200).map(|_| lab.call())).await;
        assert_eq!(script.touched(), 200);
        assert!(reports.iter().all(|report| report.rejection().is_none()));
        let probability = 200.0 / 201.0;
        let expected = ThrottleSnapshot {
            requests: 200,
            accepts: 0,
            probability,
            probabilities: [0.0, 0.0, probability, 0.0],
            rejected: 0,
        };
        assert_eq!(state(&lab), expected);

        let mut rejected = 0;
        for _ in 0..100 {
            let report = lab.call().await;
            let Some(rejection) = report.rejection() else { continue };
            assert_eq!((rejection.kind(), rejection.gate()), (RejectionKind::Throttle, "throttle"));
            assert!((secs(1.0)..=secs(2.0)).contains(&rejection.retry_after()), "{rejection:?}");
            rejected += 1;
        }
        assert!(rejected >= 95, "{rejected}");
        let ThrottleSnapshot { requests, rejected: counted, .. } = state(&lab);
        assert_eq!((requests, counted), (300, rejected), "rejected ones are requests too");
        let counts = breaker.counts();
        assert_eq!((counts.not_permitted.throttle, counts.ignored), (rejected, 300 - rejected));

        pass(secs(120.0)).await;
        assert_eq!((requests_and_accepts(&lab), state(&lab).probability), ((0, 0), 0.0));
        assert!(lab.call().await.rejection().is_none());
    });
}

#[test]
fn nothing_is_rejected_while_the_upstream_refuses_less_than_the_ratio() {
    paused(async {
        let half = [answer(Outcome::Success), answer(Outcome::Throttled)];
        let (lab, script, _) = scripted((0..200).flat_map(|_| half.clone()), throttled(2.0));
        for _ in 0..400 {
            lab.call().await;
        }
        assert_eq!((script.touched(), requests_and_accepts(&lab)), (400, (400, 200)));
    });
}

#[test]
fn what_the_upstream_refused_and_what_did_not_reach_it_is_counted_as_such() {
    for (step, expected) in [
        (answer(Outcome::Throttled), (1, 0)),
        (unavailable(), (1, 0)),
        (answer(Outcome::Success), (1, 1)),
        (answer(Outcome::ClientError), (1, 1)),
        // It took the request, whatever became of it: that is for the breaker to judge.
        (answer(Outcome::ServerError), (1, 1)),
        (Step::Hang, (1, 1)),
        (Step::Unreachable(secs(0.0)), (0, 0)),
        (answer(Outcome::LocalShortage), (0, 0)),
        (Step::Panic, (0, 0)),
    ] {
        paused(async move {
            let (lab, ..) = scripted([step.clone()], throttled(2.0));
            lab.call().await;
            assert_eq!(requests_and_accepts(&lab), expected, "{step:?}");
        });
    }
}

#[test]
fn a_retry_is_throttled_like_a_first_attempt() {
    paused(async {
        let settings = Settings { max_attempts: 2, ..throttled(2.0) };
        let (lab, script, _) = scripted([refusing()], settings);
        let reports = join_all((0..200).map(|_| lab.call())).await;
        let throttled = reports.iter().filter(|report| report.rejection().is_some()).count();
        assert!(throttled > 190, "{throttled} of 200 retries");
        assert_eq!((script.touched(), state(&lab).rejected), (400 - throttled, throttled as u64));
    });
}

#[test]
fn a_trial_is_never_throttled() {
    paused(async {
        let settings = BreakerSettings { fail_max: 5, ..Default::default() };
        let (breaker, script) = (breaker(settings), Script::new([answer(Outcome::Throttled)]));
        let lab = lab(&script, throttled(1.0), &breaker);
        join_all((0..1_000).map(|_| lab.call())).await;
        fail(&breaker, 5).await;
        pass(secs(30.0)).await;
        assert!(state(&lab).probability > 0.99);
        for _ in 0..20 {
            assert_eq!(breaker.state(), State::HalfOpen);
            assert!(lab.call().await.rejection().is_none());
        }
    });
}

#[test]
fn a_hedge_is_throttled_like_other_attempts() {
    paused(async {
        let slow = Step::AnswerAfter(secs(1.0), Outcome::Success.into());
        let mut steps = vec![slow];
        steps.extend(vec![refusing(); 200]);
        let settings = Settings { hedge: Some(Hedge::after(secs(0.5))), ..throttled(1.0) };
        let (lab, script, _) = scripted(steps, settings);
        let others = async {
            pass(secs(0.1)).await;
            join_all((0..200).map(|_| lab.call())).await
        };
        let (report, _) = futures::join!(lab.call(), others);
        assert_eq!((report.attempts.len(), script.touched()), (1, 201));
    });
}

#[test]
fn threads_share_what_they_learn() {
    let upstream = Upstream::builder("shared").throttle(Throttle::default()).start().unwrap();
    let threads = [(); 4].map(|()| {
        let upstream = upstream.clone();
        std::thread::spawn(move || {
            let calls = (0..50).map(move |_| {
                let upstream = upstream.clone();
                async move { upstream.call(async |_| Ok::<_, String>(())).await.is_ok() }
            });
            actix_rt::System::new().block_on(join_all(calls)).into_iter().all(|answered| answered)
        })
    });
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    let throttle = upstream.snapshot().throttle.unwrap();
    assert_eq!((throttle.requests, throttle.accepts, throttle.probability), (200, 200, 0.0));
}

/// An upstream that accepts 10 requests a second, and refuses others.
#[derive(Debug, Clone)]
struct Overloaded(Rc<RefCell<Served>>);

#[derive(Debug)]
struct Served {
    second: Instant,
    in_second: u32,
    accepted: u32,
    refused: u32,
}

impl Operation for Overloaded {
    type Answer = Verdict;
    type Error = NoAnswer;

    async fn run(&self, _: Attempt<'_>) -> Result<Verdict, NoAnswer> {
        let mut served = self.0.borrow_mut();
        while now() >= served.second + secs(1.0) {
            served.second += secs(1.0);
            served.in_second = 0;
        }
        served.in_second += 1;
        let refused = served.in_second > 10;
        *(if refused { &mut served.refused } else { &mut served.accepted }) += 1;
        Ok(if refused { Outcome::Throttled } else { Outcome::Success }.into())
    }

    fn classify(&self, result: &Result<Verdict, NoAnswer>) -> Verdict {
        result.unwrap()
    }
}

/// Requests that the upstream accepts and refuses a second, with 30 calls a second, after two minutes of them.
fn accepted_and_refused(throttle: Option<Throttle>) -> (f64, f64) {
    const SECONDS: u32 = 240;
    paused(async {
        let settings = Settings { max_attempts: 1, throttle, ..exact() };
        let served = Served { second: now(), in_second: 0, accepted: 0, refused: 0 };
        let upstream = Overloaded(Rc::new(RefCell::new(served)));
        let lab = Lab::new(upstream.clone(), settings, &closed(), CallLimit::new(1_000));
        for half in 0..2 {
            if half == 1 {
                let mut served = upstream.0.borrow_mut();
                (served.accepted, served.refused) = (0, 0);
            }
            for _ in 0..SECONDS * 30 / 2 {
                let report = lab.call().await;
                let kind = report.rejection().map(Rejection::kind);
                assert!(matches!(kind, None | Some(RejectionKind::Throttle)));
                tokio::time::sleep(secs(1.0 / 30.0)).await;
            }
        }
        let served = upstream.0.borrow();
        let a_second = |count: u32| f64::from(count) / f64::from(SECONDS / 2);
        (a_second(served.accepted), a_second(served.refused))
    })
}

#[test]
fn an_upstream_with_three_times_its_load_is_left_with_fewer_requests_to_refuse() {
    for (throttle, accepts, refuses) in [
        (None, 10.0..10.5, 19.0..20.0),
        (Some(2.0), 10.0..10.5, 9.5..11.0),
        (Some(1.5), 10.0..10.5, 4.5..6.0),
        (Some(1.1), 9.0..10.5, 0.5..1.5),
    ] {
        let (accepted, refused) = accepted_and_refused(throttle.map(Throttle::ratio));
        assert!(accepts.contains(&accepted), "{throttle:?}: {accepted} accepted a second");
        assert!(refuses.contains(&refused), "{throttle:?}: {refused} refused a second");
    }
}
