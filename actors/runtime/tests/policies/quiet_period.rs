//! The quiet period: an upstream that asks one call to wait is left alone by all.

use std::{
    cell::Cell,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::join;
use resilience_actors::{
    Breaker, Concurrency, Hedge, Observation, Observer, Outcome, QuietPeriod, Rejection,
    RejectionKind, State, Upstream, UpstreamBuilder, Verdict,
};

use crate::support::{
    Script, Step, answer, fail, now, pass, paused, secs, succeed, without_jitter,
};

/// A 429 or 503 that asks to wait.
fn asks(outcome: Outcome, seconds: f64) -> Verdict {
    Verdict { retry_after: Some(secs(seconds)), ..outcome.into() }
}

fn throttled(seconds: f64) -> Step {
    Step::Answer(asks(Outcome::Throttled, seconds))
}

fn quiet() -> UpstreamBuilder {
    let quiet = QuietPeriod::up_to(secs(300.0));
    Upstream::builder("backend").quiet_period(quiet).retry(without_jitter()).seed(1)
}

/// Starts it without retries.
fn once(builder: UpstreamBuilder) -> Upstream {
    builder.retry(without_jitter().attempts(1)).start().unwrap()
}

async fn rejection(upstream: &Upstream, script: &Script) -> Option<(RejectionKind, Duration)> {
    let report = upstream.run(script.clone()).await;
    report.rejection().map(|by| (by.kind(), by.retry_after()))
}

fn left(upstream: &Upstream) -> f64 {
    upstream.snapshot().quiet_period.unwrap().left.as_secs_f64()
}

#[test]
fn after_one_answer_all_calls_are_rejected_at_once_until_its_time() {
    paused(async {
        let script = Script::new([throttled(60.0), answer(Outcome::Success)]);
        let upstream = once(quiet().breaker(Breaker::consecutive(5)));
        assert_eq!(rejection(&upstream, &script).await, None, "the answer itself");
        let (began, length) = (now(), left(&upstream));
        assert!((60.0..=66.0).contains(&length), "{length}");
        for time in [0.0, 30.0, 59.9] {
            pass((began + secs(time)).saturating_duration_since(now())).await;
            let (kind, retry_after) = rejection(&upstream, &script).await.unwrap();
            let left = length - time;
            assert_eq!(kind, RejectionKind::QuietPeriod);
            // The rejection adds a spread of its own: a tenth, or a second if that is longer.
            let allowed = left - 0.01..=left + 6.61;
            assert!(allowed.contains(&retry_after.as_secs_f64()), "{retry_after:?} of {left}");
        }
        assert_eq!(script.touched(), 1);
        pass(secs(6.2)).await;
        assert_eq!(rejection(&upstream, &script).await, None);
        let counts = upstream.breaker().unwrap().counts();
        assert_eq!((counts.not_permitted.quiet_period, counts.not_permitted.by_circuit()), (3, 0));
    });
}

#[test]
fn without_the_policy_only_the_call_that_was_told_waits() {
    paused(async {
        let script = Script::new([throttled(60.0), answer(Outcome::Success)]);
        let upstream = once(Upstream::builder("backend"));
        for _ in 0..2 {
            assert_eq!(rejection(&upstream, &script).await, None);
        }
        assert_eq!(upstream.snapshot().quiet_period, None);
        assert!(upstream.snapshot().is_empty());
    });
}

#[test]
fn a_call_that_fails_in_a_quiet_period_waits_until_its_end_before_it_tries_again() {
    paused(async {
        let upstream = quiet().start().unwrap();
        let asked = Step::AnswerAfter(secs(0.1), asks(Outcome::Throttled, 20.0));
        let told = Script::new([asked, answer(Outcome::Success)]);
        let failed = Step::AnswerAfter(secs(0.5), Outcome::ServerError.into());
        let other = Script::new([failed, answer(Outcome::Success)]);
        let began = now();
        let (first, second) = join!(upstream.run(told.clone()), upstream.run(other.clone()));
        assert!(first.result.is_ok() && second.result.is_ok(), "{first:?} {second:?}");
        for script in [told, other] {
            let retried = (script.times()[1] - began).as_secs_f64();
            assert!((20.1..=22.2).contains(&retried), "{retried}");
        }
    });
}

#[test]
fn a_call_that_is_due_in_a_quiet_period_is_rejected_and_its_failure_counts() {
    paused(async {
        let upstream = quiet().breaker(Breaker::consecutive(2)).start().unwrap();
        let waits = Script::new([answer(Outcome::ServerError)]);
        let waiting = async {
            let report = upstream.run(waits.clone()).await;
            assert_eq!(report.rejection().unwrap().kind(), RejectionKind::QuietPeriod);
            assert_eq!(report.attempts.len(), 1);
        };
        let other = async {
            pass(secs(0.5)).await;
            let told = Script::new([throttled(5.0)]);
            let call = upstream.run(told);
            let _ = tokio::time::timeout(secs(0.1), call).await;
        };
        join!(waiting, other);
        assert_eq!(upstream.breaker().unwrap().inspect().await.unwrap().fail_counter, 1);
    });
}

#[test]
fn a_hostile_time_is_bounded() {
    paused(async {
        let script = Script::new([throttled(1e9), answer(Outcome::Success)]);
        let upstream = once(quiet());
        upstream.run(script.clone()).await;
        let length = left(&upstream);
        assert!((300.0..=330.0).contains(&length), "{length}");
        pass(secs(length)).await;
        assert_eq!(rejection(&upstream, &script).await, None);
    });
}

#[test]
fn no_trial_begins_in_a_quiet_period_and_the_circuit_stays_half_open() {
    paused(async {
        let breaker = Breaker::start(Breaker::consecutive(1).try_into().unwrap());
        let script =
            Script::new([Step::Answer(asks(Outcome::ServerError, 60.0)), answer(Outcome::Success)]);
        let upstream = once(quiet().breaker(breaker.clone()));
        upstream.run(script.clone()).await;
        assert_eq!(breaker.state(), State::Open);
        pass(secs(31.0)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        let (kind, _) = rejection(&upstream, &script).await.unwrap();
        assert_eq!(kind, RejectionKind::QuietPeriod);
        let seen = breaker.inspect().await.unwrap();
        assert_eq!((seen.state, seen.trials_in_flight), (State::HalfOpen, 0));
        assert_eq!(script.touched(), 1);
        pass(secs(36.0)).await;
        assert_eq!(rejection(&upstream, &script).await, None);
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn an_attempt_that_has_waited_for_its_place_asks_again_whether_to_stay_away() {
    paused(async {
        let builder = quiet().concurrency(Concurrency::at_most(1).queue(1).wait(secs(10.0)));
        let upstream = once(builder.breaker(Breaker::consecutive(5)));
        let asked = Step::AnswerAfter(secs(1.0), asks(Outcome::Throttled, 60.0));
        let script = Script::new([asked]);
        let (first, second) = join!(rejection(&upstream, &script), rejection(&upstream, &script));
        assert_eq!(first, None);
        assert_eq!(second.unwrap().0, RejectionKind::QuietPeriod);
        assert_eq!(script.touched(), 1);
        assert_eq!(upstream.concurrency().unwrap().snapshot().in_flight, 0);
    });
}

#[test]
fn no_hedge_is_made_in_a_quiet_period() {
    paused(async {
        let upstream = once(quiet().hedge(Hedge::after(secs(1.0))));
        let slow = Script::new([Step::AnswerAfter(secs(2.0), Outcome::Success.into())]);
        let told = Script::new([Step::AnswerAfter(secs(0.5), asks(Outcome::Throttled, 60.0))]);
        let (report, _) = join!(upstream.run(slow.clone()), upstream.run(told));
        assert!(report.result.is_ok());
        assert_eq!(slow.touched(), 1);
    });
}

#[test]
fn an_answer_that_no_retry_follows_asks_for_nothing() {
    paused(async {
        for outcome in [Outcome::Success, Outcome::ClientError, Outcome::Unsupported] {
            let script = Script::new([Step::Answer(asks(outcome, 60.0)), answer(Outcome::Success)]);
            let upstream = once(quiet());
            upstream.run(script.clone()).await;
            assert_eq!(rejection(&upstream, &script).await, None, "{outcome:?}");
        }
    });
}

/// Notes quiet periods.
#[derive(Default)]
struct Notes(Mutex<Vec<Duration>>);

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::QuietPeriodBegan { wait, .. } = observation {
            self.0.lock().unwrap().push(*wait);
        }
    }
}

#[test]
fn each_period_is_told_once_however_many_answers_ask_for_it() {
    paused(async {
        let notes = Arc::new(Notes::default());
        let upstream = once(quiet().observer(Arc::<Notes>::clone(&notes)));
        for periods in 1..=2 {
            // In flight together, so that none is rejected.
            let calls = [10.0, 10.0, 20.0].map(|seconds| {
                let step = Step::AnswerAfter(secs(0.1), asks(Outcome::Throttled, seconds));
                upstream.run(Script::new([step]))
            });
            futures::future::join_all(calls).await;
            assert_eq!(notes.0.lock().unwrap().len(), periods);
            let snapshot = upstream.snapshot().quiet_period.unwrap();
            assert_eq!((snapshot.periods, snapshot.max), (periods as u64, secs(300.0)));
            assert!(left(&upstream) >= 20.0, "the longest counts");
            pass(secs(22.1)).await;
        }
    });
}

/// On real threads: a second thread learns of it without a message.
#[test]
fn calls_of_all_threads_stay_away() {
    actix_rt::System::new().block_on(async {
        let upstream = once(quiet().breaker(Breaker::consecutive(5)));
        upstream.run(Script::new([throttled(60.0)])).await;
        let (other, thread) = (upstream.clone(), actix_rt::Arbiter::new());
        let (told, kind) = std::sync::mpsc::channel();
        thread.spawn(async move {
            let touched = Cell::new(false);
            let call = other.report(async move |_| {
                touched.set(true);
                Ok::<_, String>(())
            });
            told.send(call.await.rejection().map(Rejection::kind)).unwrap();
        });
        assert_eq!(kind.recv().unwrap(), Some(RejectionKind::QuietPeriod));
        thread.stop();
    });
}

#[test]
fn a_bound_out_of_range_is_refused_by_name() {
    let upstream = Upstream::builder("x").quiet_period(QuietPeriod::up_to(Duration::ZERO));
    let error = upstream.start().unwrap_err().to_string();
    assert!(error.starts_with("retry_after_max = 0 is not valid"), "{error}");
}

#[test]
fn the_breaker_is_not_told_of_calls_that_stay_away() {
    paused(async {
        let breaker = Breaker::start(Breaker::consecutive(5).try_into().unwrap());
        let upstream = once(quiet().breaker(breaker.clone()));
        fail(&breaker, 4).await;
        upstream.run(Script::new([throttled(60.0)])).await;
        let script = Script::new([answer(Outcome::Success)]);
        for _ in 0..10 {
            rejection(&upstream, &script).await.unwrap();
        }
        assert_eq!(breaker.inspect().await.unwrap().fail_counter, 4);
        succeed(&breaker, 1).await;
        assert_eq!(breaker.inspect().await.unwrap().fail_counter, 0);
    });
}
