//! The limit on attempts in flight.

use futures::future::join_all;
use resilience_actors::{
    BreakerSettings, CallReport, Concurrency, Outcome, Rejection, RejectionKind, State, Verdict,
};

use crate::support::{
    Lab, NoAnswer, Script, Settings, Step, abandon, answer, breaker, closed, exact, lab, now, pass,
    paused, secs, settle,
};

type Report = CallReport<Verdict, NoAnswer>;

fn limited(concurrency: Concurrency) -> Settings {
    Settings { concurrency: Some(concurrency), ..exact() }
}

fn slow(seconds: f64) -> Step {
    Step::AnswerAfter(secs(seconds), Outcome::Success.into())
}

/// Attempts in flight, and attempts that wait for a place.
fn in_flight_and_queued(lab: &Lab<Script>) -> (usize, usize) {
    let limit = lab.protected.concurrency().unwrap().snapshot();
    (limit.in_flight, limit.queued)
}

fn rejection(report: &Report) -> Option<RejectionKind> {
    report.rejection().map(Rejection::kind)
}

#[test]
fn attempts_wait_for_a_place_in_order_of_arrival_and_others_are_rejected() {
    paused(async {
        let script = Script::new([slow(0.2)]);
        let settings = limited(Concurrency::at_most(1).queue(2));
        let lab = lab(&script, settings, &closed());
        let reports = join_all((0..4).map(|_| lab.call())).await;
        let ends: Vec<_> = reports.iter().map(|report| report.elapsed.as_secs_f64()).collect();
        for (end, expected) in ends.iter().zip([0.2, 0.4, 0.6, 0.0]) {
            assert!((expected..expected + 0.01).contains(end), "{ends:?}");
        }
        let rejections: Vec<_> = reports.iter().map(rejection).collect();
        assert_eq!(rejections, [None, None, None, Some(RejectionKind::ConcurrencyLimit)]);
        assert_eq!(reports[3].rejection().unwrap().gate(), "concurrency-limit");
        assert_eq!((script.touched(), in_flight_and_queued(&lab)), (3, (0, 0)));
    });
}

#[test]
fn a_wait_for_a_place_ends_after_the_longest_wait() {
    paused(async {
        let script = Script::new([slow(2.0)]);
        let settings = limited(Concurrency::at_most(1).queue(1).wait(secs(0.5)));
        let breaker = closed();
        let lab = lab(&script, settings, &breaker);
        let (first, second) = futures::join!(lab.call(), lab.call());
        assert_eq!(rejection(&first), None);
        assert_eq!(rejection(&second), Some(RejectionKind::ConcurrencyLimit));
        assert!((0.5..0.51).contains(&second.elapsed.as_secs_f64()), "{:?}", second.elapsed);
        settle().await;
        let counts = breaker.counts();
        assert_eq!(
            (counts.not_permitted.concurrency_limit, counts.not_permitted.by_circuit()),
            (1, 0)
        );
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn a_call_holds_no_place_while_it_waits_for_its_retry() {
    paused(async {
        let script = Script::new([answer(Outcome::ServerError), answer(Outcome::Success)]);
        let lab = lab(&script, limited(Concurrency::at_most(1)), &closed());
        let others = async {
            pass(secs(0.5)).await;
            assert_eq!((lab.limit.waiting(), in_flight_and_queued(&lab)), (1, (0, 0)));
            lab.call().await
        };
        let (retried, other) = futures::join!(lab.call(), others);
        assert_eq!((rejection(&retried), rejection(&other)), (None, None));
        assert_eq!((retried.attempts.len(), other.attempts.len()), (2, 1));
    });
}

#[test]
fn a_caller_that_leaves_the_queue_frees_its_place_there() {
    paused(async {
        let script = Script::new([slow(1.0)]);
        let settings = limited(Concurrency::at_most(1).queue(1));
        let lab = lab(&script, settings, &closed());
        let impatient = async {
            settle().await;
            abandon(lab.call(), secs(0.1)).await;
            settle().await;
            assert_eq!(in_flight_and_queued(&lab), (1, 0));
            lab.call().await
        };
        let (first, third) = futures::join!(lab.call(), impatient);
        assert_eq!((rejection(&first), rejection(&third)), (None, None));
        assert_eq!((script.touched(), lab.limit.in_use()), (2, 0));
    });
}

#[test]
fn an_attempt_whose_caller_left_keeps_its_place_until_it_ends() {
    paused(async {
        let script = Script::new([slow(1.0)]);
        let lab = lab(&script, limited(Concurrency::at_most(1)), &closed());
        abandon(lab.call(), secs(0.5)).await;
        assert_eq!(in_flight_and_queued(&lab), (1, 0));
        pass(secs(0.6)).await;
        assert_eq!(in_flight_and_queued(&lab), (0, 0));
    });
}

#[test]
fn a_panic_gives_the_place_back() {
    paused(async {
        let lab = lab(&Script::new([Step::Panic]), limited(Concurrency::at_most(1)), &closed());
        assert!(lab.call().await.result.is_err());
        assert_eq!(in_flight_and_queued(&lab), (0, 0));
    });
}

#[test]
fn the_circuit_is_asked_again_after_a_wait_for_a_place() {
    paused(async {
        let breaker = breaker(BreakerSettings { fail_max: 1, ..Default::default() });
        let failing = Step::AnswerAfter(secs(0.2), Outcome::Unsupported.into());
        let script = Script::new([failing, slow(0.1)]);
        let lab = lab(&script, limited(Concurrency::at_most(1).queue(1)), &breaker);
        let (failed, queued) = futures::join!(lab.call(), lab.call());
        assert_eq!(rejection(&failed), None);
        assert_eq!(
            (rejection(&queued), queued.attempts.len()),
            (Some(RejectionKind::CircuitOpen), 0)
        );
        assert_eq!((script.touched(), in_flight_and_queued(&lab)), (1, (0, 0)));
    });
}

#[test]
fn attempts_that_wait_for_a_place_are_rejected_at_once_when_the_circuit_opens() {
    paused(async {
        let script = Script::new([slow(2.0)]);
        let breaker = breaker(BreakerSettings { fail_max: 1, ..Default::default() });
        let lab = lab(&script, limited(Concurrency::at_most(1).queue(3).wait(secs(5.0))), &breaker);
        let opening = async {
            pass(secs(0.5)).await;
            assert_eq!(in_flight_and_queued(&lab), (1, 3));
            breaker.admit().await.unwrap().failure("status 500").await;
        };
        let calls = join_all((0..4).map(|_| lab.call()));
        let (reports, ()) = futures::join!(calls, opening);
        assert_eq!(rejection(&reports[0]), None);
        for report in &reports[1..] {
            assert_eq!(rejection(report), Some(RejectionKind::CircuitOpen));
            assert!(report.elapsed < secs(0.51), "{:?}", report.elapsed);
        }
        assert_eq!((script.touched(), in_flight_and_queued(&lab)), (1, (0, 0)));
    });
}

#[test]
fn an_upstream_that_hangs_opens_the_circuit_although_each_attempt_waits_for_its_place() {
    paused(async {
        let breaker = closed();
        let rules = limited(Concurrency::at_most(1).queue(9).wait(secs(3.0)));
        let rules = Settings { call_deadline: secs(6.0), max_attempts: 1, ..rules };
        let lab = lab(&Script::new([Step::Hang]), rules, &breaker);
        for _ in 0..4 {
            let pair = futures::join!(lab.call(), async {
                pass(secs(1.0)).await;
                lab.call().await
            });
            for report in [pair.0, pair.1] {
                assert!(report.elapsed <= secs(6.001), "{:?}", report.elapsed);
            }
        }
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_trial_does_not_wait_for_a_place_and_gives_its_permit_back() {
    paused(async {
        let settings =
            BreakerSettings { fail_max: 1, half_open_max_calls: 2, ..Default::default() };
        let breaker = breaker(settings);
        let script = Script::new([answer(Outcome::Unsupported), slow(0.5)]);
        let lab = lab(&script, limited(Concurrency::at_most(1).queue(9)), &breaker);
        lab.call().await;
        pass(secs(30.0)).await;
        let (began, second) = (now(), async {
            settle().await;
            lab.call().await
        });
        let (first, second) = futures::join!(lab.call(), second);
        assert_eq!((rejection(&first), now() - began < secs(0.51)), (None, true));
        assert_eq!(rejection(&second), Some(RejectionKind::ConcurrencyLimit));
        assert_eq!(breaker.state(), State::Closed, "a trial that was not made says nothing");
    });
}

#[test]
fn threads_share_the_places() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let upstream = resilience_actors::Upstream::builder("shared")
        .concurrency(Concurrency::at_most(3).queue(1_000).wait(secs(60.0)));
    let upstream = upstream.start().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let upstream = upstream.clone();
            std::thread::spawn(move || {
                actix_rt::System::new().block_on(async move {
                    let calls = (0..50).map(|_| {
                        upstream.call(async |_| {
                            MOST.fetch_max(
                                NOW.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            tokio::task::yield_now().await;
                            NOW.fetch_sub(1, Ordering::SeqCst);
                            Ok::<_, String>(())
                        })
                    });
                    join_all(calls).await.into_iter().all(|answer| answer.is_ok())
                })
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    assert!((1..=3).contains(&MOST.load(Ordering::SeqCst)), "{MOST:?}");
    let limit = upstream.concurrency().unwrap().snapshot();
    assert_eq!((limit.in_flight, limit.queued), (0, 0));
}
