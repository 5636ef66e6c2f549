//! Places and tokens, and the attempts that wait for them.

use futures::future::join_all;
use resilience_actors::{
    BreakerSettings, Concurrency, ConcurrencyMax, Outcome, Rate, RejectionKind,
};

use super::{change, rejection};
use crate::support::{
    Lab, Script, Settings, Step, answer, breaker, closed, exact, lab, now, pass, paused, scripted,
    secs, settle,
};

fn slow(seconds: f64) -> Step {
    Step::AnswerAfter(secs(seconds), Outcome::Success.into())
}

fn limited(concurrency: Concurrency) -> Settings {
    Settings { concurrency: Some(concurrency), ..exact() }
}

/// Maximum, attempts in flight, and attempts that wait for a place.
fn places(lab: &Lab<Script>) -> (usize, usize, usize) {
    let limit = lab.protected.concurrency().unwrap().snapshot();
    (limit.max, limit.in_flight, limit.queued)
}

fn set_concurrency(lab: &Lab<Script>, limit: Option<Concurrency>) {
    change(&lab.protected, |settings| settings.concurrency = limit);
}

fn set_rate(lab: &Lab<Script>, rate: Option<Rate>) {
    change(&lab.protected, |settings| settings.rate = rate);
}

/// The ends of this many calls in seconds, while `meanwhile` runs beside them. Panics if one is rejected.
async fn ends(lab: &Lab<Script>, calls: usize, meanwhile: impl Future<Output = ()>) -> Vec<f64> {
    let calls = join_all((0..calls).map(|_| lab.call()));
    let (reports, ()) = futures::join!(calls, meanwhile);
    assert!(reports.iter().all(|report| rejection(report).is_none()), "{reports:?}");
    reports.iter().map(|report| report.elapsed.as_secs_f64()).collect()
}

#[track_caller]
fn assert_near(times: &[f64], expected: &[f64]) {
    let near = |(time, expected): (&f64, &f64)| (*expected..*expected + 0.05).contains(time);
    assert!(
        times.len() == expected.len() && times.iter().zip(expected).all(near),
        "{times:?} instead of {expected:?}"
    );
}

#[test]
fn more_places_admit_from_the_queue_at_once() {
    paused(async {
        let queue = |max| Concurrency::at_most(max).queue(5).wait(secs(9.0));
        let lab = lab(&Script::new([slow(2.0)]), limited(queue(1)), &closed());
        let ends = ends(&lab, 4, async {
            pass(secs(0.5)).await;
            assert_eq!(places(&lab), (1, 1, 3));
            set_concurrency(&lab, Some(queue(3)));
            assert_eq!(places(&lab), (3, 3, 1));
        });
        assert_near(&ends.await, &[2.0, 2.5, 2.5, 4.0]);
        assert_eq!(places(&lab), (3, 0, 0));
    });
}

#[test]
fn fewer_places_take_none_away_and_a_shorter_queue_keeps_all_that_wait() {
    paused(async {
        let limit = |max, queue| Concurrency::at_most(max).queue(queue).wait(secs(9.0));
        let lab = lab(&Script::new([slow(1.0)]), limited(limit(3, 2)), &closed());
        let ends = ends(&lab, 5, async {
            pass(secs(0.5)).await;
            set_concurrency(&lab, Some(limit(1, 0)));
            assert_eq!(places(&lab), (1, 3, 2));
            let report = lab.call().await;
            assert_eq!(rejection(&report), Some(RejectionKind::ConcurrencyLimit));
        });
        assert_near(&ends.await, &[1.0, 1.0, 1.0, 2.0, 3.0]);
        assert_eq!(places(&lab), (1, 0, 0));
    });
}

#[test]
fn a_number_becomes_a_limit_that_follows_latency_and_a_number_again() {
    paused(async {
        let lab = lab(&Script::new([slow(1.0)]), limited(Concurrency::at_most(50)), &closed());
        let call = lab.call();
        let changes = async {
            settle().await;
            let adaptive = |floor, ceiling| {
                let max = ConcurrencyMax::Adaptive { floor, ceiling };
                Some(Concurrency { concurrency_max: max, ..Concurrency::default() })
            };
            for (limit, max) in [
                (adaptive(4, 200), 50),
                (adaptive(4, 30), 30),
                (adaptive(40, 200), 40),
                (Some(Concurrency::at_most(7)), 7),
            ] {
                set_concurrency(&lab, limit);
                assert_eq!(places(&lab), (max, 1, 0));
            }
        };
        assert_eq!(rejection(&futures::join!(call, changes).0), None);
        assert_eq!(places(&lab), (7, 0, 0));
    });
}

#[test]
fn a_limit_that_is_switched_off_admits_all_that_wait_and_one_that_is_switched_on_begins_anew() {
    paused(async {
        let queue = Concurrency::at_most(1).queue(5).wait(secs(9.0));
        let lab = lab(&Script::new([slow(2.0)]), limited(queue.clone()), &closed());
        let old = lab.protected.concurrency().unwrap();
        let ends = ends(&lab, 3, async {
            pass(secs(0.5)).await;
            set_concurrency(&lab, None);
            assert!(lab.protected.concurrency().is_none());
            set_concurrency(&lab, Some(queue));
            assert_eq!(places(&lab), (1, 0, 0));
        });
        assert_near(&ends.await, &[2.0, 2.5, 2.5]);
        assert_eq!(old.snapshot().in_flight, 0);
    });
}

#[test]
fn waits_at_a_limit_that_was_switched_on_end_when_the_circuit_opens() {
    paused(async {
        let breaker = breaker(BreakerSettings { fail_max: 1, ..Default::default() });
        let lab = lab(&Script::new([slow(2.0)]), exact(), &breaker);
        for round in 0..3 {
            let rate = Rate::per_second(100).wait(secs(0.001 * f64::from(round)));
            set_rate(&lab, Some(rate));
            set_concurrency(&lab, Some(Concurrency::at_most(1).queue(3).wait(secs(9.0))));
        }
        let opening = async {
            pass(secs(0.5)).await;
            assert_eq!(places(&lab), (1, 1, 2));
            breaker.admit().await.unwrap().failure("status 500").await;
        };
        let (reports, ()) = futures::join!(join_all((0..3).map(|_| lab.call())), opening);
        for report in &reports[1..] {
            assert_eq!(rejection(report), Some(RejectionKind::CircuitOpen));
            assert!(report.elapsed < secs(0.51), "{:?}", report.elapsed);
        }
        assert_eq!(places(&lab), (1, 0, 0));
    });
}

fn by_rate(rate: Rate) -> (Lab<Script>, Script) {
    let settings = Settings { rate: Some(rate), ..exact() };
    let (lab, script, _) = scripted([answer(Outcome::Success)], settings);
    (lab, script)
}

#[test]
fn a_higher_rate_shortens_the_waits_for_tokens_and_keeps_their_order() {
    paused(async {
        let rate = |limit| Rate::per_second(limit).burst(1).wait(secs(9.0));
        let (lab, script) = by_rate(rate(1));
        let ends = ends(&lab, 5, async {
            pass(secs(1.5)).await;
            set_rate(&lab, Some(rate(10)));
        });
        // Half an interval was left, and then one after the other.
        assert_near(&ends.await, &[0.0, 1.0, 1.55, 1.65, 1.75]);
        assert!(script.calls().is_sorted(), "they arrived in this order");
        assert_eq!(lab.protected.snapshot().rate.unwrap().waiting, 0);
    });
}

#[test]
fn a_lower_rate_rejects_attempts_whose_token_comes_too_late() {
    paused(async {
        let rate = |limit| Rate::per_second(limit).burst(1).wait(secs(3.0));
        let (lab, script) = by_rate(rate(2));
        let change = async {
            settle().await;
            change(&lab.protected, |settings| {
                settings.rate = Some(Rate::per_minute(30).burst(1).wait(secs(3.0)));
            });
        };
        let began = now();
        let (reports, ()) = futures::join!(join_all((0..4).map(|_| lab.call())), change);
        let rejections: Vec<_> = reports.iter().map(rejection).collect();
        let limit = Some(RejectionKind::RateLimit);
        assert_eq!(rejections, [None, None, limit, limit]);
        assert!(reports[3].elapsed < secs(0.01), "{:?}", reports[3].elapsed);
        let second = (script.times()[1] - began).as_secs_f64();
        assert!((2.0..2.05).contains(&second), "{second}");
        assert_eq!(lab.protected.snapshot().rate.unwrap().waiting, 0);
    });
}

#[test]
fn the_share_of_the_burst_that_is_there_stays_and_a_limit_that_is_switched_off_admits_all() {
    paused(async {
        let (lab, _) = by_rate(Rate::per_second(10));
        join_all((0..5).map(|_| lab.call())).await;
        let available = || lab.protected.snapshot().rate.unwrap().available;
        assert_eq!(available(), 5);
        set_rate(&lab, Some(Rate::per_second(40)));
        assert_eq!(available(), 20);
        set_rate(&lab, Some(Rate::per_second(10).wait(secs(9.0))));
        assert_eq!(available(), 5);
        let ends = ends(&lab, 15, async {
            settle().await;
            assert_eq!(lab.protected.snapshot().rate.unwrap().waiting, 10);
            set_rate(&lab, None);
        });
        assert!(ends.await.iter().all(|end| *end < 0.05));
        assert_eq!(lab.protected.snapshot().rate, None);
    });
}
