//! The limit on attempts in a period.

use std::time::{Duration, Instant};

use futures::future::join_all;
use resilience_actors::{
    BreakerSettings, CallOptions, CallReport, Concurrency, Hedge, Outcome, Rate, RateSnapshot,
    Rejection, RejectionKind, State, Upstream, Verdict,
};

use crate::support::{
    Lab, NoAnswer, Script, Settings, Step, abandon, answer, breaker, exact, lab, now, pass, paused,
    scripted, secs, settle,
};

const RATE_LIMIT: Option<RejectionKind> = Some(RejectionKind::RateLimit);

fn limited(rate: Rate) -> Settings {
    Settings { rate: Some(rate), ..exact() }
}

/// One attempt a second.
fn smooth(wait: f64) -> Settings {
    limited(Rate::per_second(1).wait(secs(wait)))
}

fn rate(lab: &Lab<Script>) -> RateSnapshot {
    lab.protected.snapshot().rate.unwrap()
}

/// Attempts that may be made now, and attempts that wait.
fn available_and_waiting(lab: &Lab<Script>) -> (u32, usize) {
    (rate(lab).available, rate(lab).waiting)
}

fn rejection(report: &CallReport<Verdict, NoAnswer>) -> Option<RejectionKind> {
    report.rejection().map(Rejection::kind)
}

#[track_caller]
fn assert_at(times: &[Instant], began: Instant, expected: &[f64]) {
    let times: Vec<_> = times.iter().map(|at| (*at - began).as_secs_f64()).collect();
    let near = |(at, expected): (&f64, &f64)| (*expected..*expected + 0.01).contains(at);
    assert_eq!(times.len(), expected.len(), "{times:?}");
    assert!(times.iter().zip(expected).all(near), "{times:?}");
}

#[test]
fn a_burst_passes_at_once_and_further_attempts_are_rejected_until_a_token_is_there() {
    paused(async {
        let (lab, script, breaker) =
            scripted([answer(Outcome::Success)], limited(Rate::per_second(10).burst(3)));
        let reports = join_all((0..4).map(|_| lab.call())).await;
        let rejections: Vec<_> = reports.iter().map(rejection).collect();
        assert_eq!(rejections, [None, None, None, RATE_LIMIT]);
        let rejected = reports[3].rejection().unwrap();
        assert_eq!(rejected.gate(), "rate-limit");
        // A rejection has a spread of up to a second on top.
        let retry_after = rejected.retry_after();
        assert!((secs(0.1)..=secs(1.1)).contains(&retry_after), "{retry_after:?}");
        settle().await;
        let counts = breaker.counts().not_permitted;
        assert_eq!((counts.rate_limit, counts.by_circuit()), (1, 0));
        pass(secs(0.1)).await;
        assert_eq!(rejection(&lab.call().await), None);
        assert_eq!(rejection(&lab.call().await), RATE_LIMIT);
        assert_eq!((script.touched(), available_and_waiting(&lab)), (4, (0, 0)));
    });
}

#[test]
fn attempts_wait_for_their_token_in_order_of_arrival_and_no_longer_than_they_may() {
    paused(async {
        let (lab, script, _) = scripted([answer(Outcome::Success)], smooth(2.0));
        let began = now();
        let calls = (0..4).map(|_| lab.call());
        let watching = async {
            pass(secs(0.5)).await;
            assert_eq!(available_and_waiting(&lab), (0, 2));
        };
        let (reports, ()) = futures::join!(join_all(calls), watching);
        let rejections: Vec<_> = reports.iter().map(rejection).collect();
        assert_eq!(rejections, [None, None, None, RATE_LIMIT]);
        assert!(reports[3].elapsed < secs(0.01), "its token would have been there after 3 s");
        assert_at(&script.times(), began, &[0.0, 1.0, 2.0]);
        assert_eq!(script.calls(), reports[..3].iter().map(|call| call.id).collect::<Vec<_>>());
        assert_eq!(available_and_waiting(&lab), (0, 0));
    });
}

#[test]
fn each_attempt_takes_a_token_and_a_wait_for_a_retry_takes_none() {
    paused(async {
        let steps = [answer(Outcome::ServerError), answer(Outcome::Success)];
        let (lab, script, _) = scripted(steps, limited(Rate::per_minute(60).burst(2)));
        let began = now();
        assert_eq!(lab.call().await.attempts.len(), 2);
        assert_at(&script.times(), began, &[0.0, 1.0]);
        // A token came back in the second between the attempts.
        assert_eq!(available_and_waiting(&lab), (1, 0));
    });
}

#[test]
fn a_retry_without_a_token_ends_its_call_and_the_failure_before_it_counts() {
    paused(async {
        let (lab, _, breaker) =
            scripted([answer(Outcome::ServerError)], limited(Rate::per_minute(1)));
        let report = lab.call().await;
        assert_eq!((rejection(&report), report.attempts.len()), (RATE_LIMIT, 1));
        settle().await;
        assert_eq!(breaker.counts().failed, 1);
    });
}

#[test]
fn no_attempt_waits_for_a_token_that_comes_after_the_deadline() {
    paused(async {
        let (lab, script, _) = scripted([answer(Outcome::Success)], smooth(2.5));
        let hurried = CallOptions::new().time_left(secs(0.5));
        let hurried = lab.protected.run_with(hurried, script.clone());
        let (_, second) = futures::join!(lab.call(), hurried);
        assert_eq!((rejection(&second), second.elapsed < secs(0.01)), (RATE_LIMIT, true));
        assert_eq!(available_and_waiting(&lab), (0, 0));
    });
}

fn outcome() -> Verdict {
    Outcome::Success.into()
}

#[test]
fn a_caller_that_leaves_gives_its_token_back() {
    paused(async {
        let (lab, script, _) = scripted([answer(Outcome::Success)], smooth(5.0));
        let began = now();
        lab.call().await;
        abandon(lab.call(), secs(0.1)).await;
        settle().await;
        assert_eq!(available_and_waiting(&lab), (0, 0));
        let (_, _) = futures::join!(lab.call(), lab.call());
        assert_at(&script.times(), began, &[0.0, 1.0, 2.0]);
    });
}

#[test]
fn attempts_that_wait_for_a_token_are_rejected_at_once_when_the_circuit_opens() {
    paused(async {
        let breaker = breaker(BreakerSettings { fail_max: 1, ..Default::default() });
        let script = Script::new([answer(Outcome::Success)]);
        let lab = lab(&script, smooth(20.0), &breaker);
        let opening = async {
            pass(secs(0.5)).await;
            assert_eq!(available_and_waiting(&lab), (0, 3));
            breaker.admit().await.unwrap().failure("status 500").await;
        };
        let calls = join_all((0..4).map(|_| lab.call()));
        let (reports, ()) = futures::join!(calls, opening);
        for report in &reports[1..] {
            assert_eq!(rejection(report), Some(RejectionKind::CircuitOpen));
            assert!(report.elapsed < secs(0.51), "{:?}", report.elapsed);
        }
        assert_eq!((script.touched(), rate(&lab).waiting), (1, 0));
        pass(secs(0.5)).await;
        assert_eq!(rate(&lab).available, 1, "all have given their tokens back");
    });
}

#[test]
fn a_trial_does_not_wait_for_a_token_and_gives_its_permit_back() {
    paused(async {
        let settings = BreakerSettings { fail_max: 1, ..Default::default() };
        let (breaker, script) = (breaker(settings), Script::new([answer(Outcome::Unsupported)]));
        let lab = lab(&script, limited(Rate::per(1, secs(50.0)).wait(secs(27.0))), &breaker);
        lab.call().await;
        pass(secs(30.5)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        let report = lab.call().await;
        assert_eq!((rejection(&report), report.elapsed < secs(0.01)), (RATE_LIMIT, true));
        assert!(breaker.admit().await.is_ok(), "its permit is free");
    });
}

#[test]
fn an_attempt_that_another_gate_rejects_gives_its_token_back() {
    paused(async {
        let rules = Settings { concurrency: Some(Concurrency::at_most(1)), ..exact() };
        let rules = Settings { rate: Some(Rate::per_hour(2)), ..rules };
        let (lab, ..) = scripted([Step::AnswerAfter(secs(1.0), outcome())], rules);
        let (_, second) = futures::join!(lab.call(), lab.call());
        assert_eq!(rejection(&second), Some(RejectionKind::ConcurrencyLimit));
        assert_eq!(available_and_waiting(&lab), (1, 0));
    });
}

#[test]
fn a_hedge_takes_a_token_at_once_or_is_not_made() {
    for (tokens, touched) in [(2, 2), (1, 1)] {
        paused(async move {
            let hedge = Some(Hedge::after(secs(0.2)));
            let rate = Rate::per_hour(1).burst(tokens).wait(secs(27.0));
            let rules = Settings { hedge, ..limited(rate) };
            let (lab, script, _) = scripted([Step::AnswerAfter(secs(1.0), outcome())], rules);
            assert_eq!(rejection(&lab.call().await), None);
            assert_eq!((script.touched(), available_and_waiting(&lab)), (touched, (0, 0)));
        });
    }
}

#[test]
fn a_wait_beyond_the_deadline_is_a_contradiction() {
    let builder = Upstream::builder("x").deadline(secs(1.0));
    let error = builder.rate(Rate::per_second(1).wait(secs(2.0))).start().unwrap_err();
    assert!(
        error.to_string().starts_with("rate_wait = 2 is not valid: expected no more"),
        "{error}"
    );
}

#[test]
fn threads_share_the_tokens() {
    let upstream = Upstream::builder("shared").rate(Rate::per_hour(40)).start().unwrap();
    let call = |upstream: Upstream| async move {
        upstream.call(async |_| Ok::<_, String>(())).await.is_ok()
    };
    let threads = [(); 4].map(|()| {
        let upstream = upstream.clone();
        std::thread::spawn(move || {
            let calls = (0..25).map(move |_| call(upstream.clone()));
            let answers = actix_rt::System::new().block_on(join_all(calls));
            answers.into_iter().filter(|answered| *answered).count()
        })
    });
    let admitted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!((admitted, upstream.snapshot().rate.unwrap().available), (40, 0));
}

#[test]
fn a_snapshot_shows_the_settings_and_what_is_left() {
    let upstream = Upstream::builder("x").rate(Rate::per_minute(30).burst(5)).start().unwrap();
    let expected = RateSnapshot {
        limit: 30,
        period: Duration::from_secs(60),
        burst: 5,
        available: 5,
        waiting: 0,
    };
    assert_eq!(upstream.snapshot().rate, Some(expected));
}
