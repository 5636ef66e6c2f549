//! Attempts that wait for their callers.

use resilience_actors::{
    Attempt, BreakerSettings, CallError, Concurrency, Operation, Outcome, State, Upstream, Verdict,
};

use crate::support::{NoAnswer, breaker, half_open, now, pass, paused, secs};

/// What an upload does, with its time in seconds.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// The caller sends nothing.
    Caller(f64),
    /// The upstream takes a part.
    Taken(f64),
    /// The upstream does nothing that can be seen.
    Upstream(f64),
}

use Part::{Caller, Taken, Upstream as Silent};

#[derive(Debug, Clone)]
struct Upload(Vec<Part>);

impl Operation for Upload {
    type Answer = ();
    type Error = NoAnswer;

    async fn run(&self, attempt: Attempt<'_>) -> Result<(), NoAnswer> {
        for part in &self.0 {
            attempt.waits().set_waiting(matches!(part, Caller(_)));
            let (Caller(time) | Taken(time) | Silent(time)) = *part;
            tokio::time::sleep(secs(time)).await;
            attempt.waits().set_waiting(false);
            if matches!(part, Taken(_)) {
                attempt.waits().restart_timeout();
            }
        }
        Ok(())
    }

    fn classify(&self, result: &Result<(), NoAnswer>) -> Verdict {
        if result.is_ok() { Outcome::Success } else { Outcome::Unusable }.into()
    }
}

/// Makes one call. Returns its error, and how long it took.
async fn upload(upstream: &Upstream, parts: &[Part]) -> (Option<CallError<NoAnswer>>, f64) {
    let began = now();
    let report = upstream.run(Upload(parts.to_vec())).await;
    (report.result.err(), (now() - began).as_secs_f64())
}

fn upstream(timeout: Option<f64>, deadline: Option<f64>, settings: BreakerSettings) -> Upstream {
    let builder = Upstream::builder("u").breaker(breaker(settings));
    let builder = match timeout {
        Some(timeout) => builder.timeout(secs(timeout)),
        None => builder,
    };
    match deadline {
        Some(deadline) => builder.deadline(secs(deadline)),
        None => builder,
    }
    .start()
    .unwrap()
}

fn takes(seconds: f64, expected: f64) {
    assert!((expected..expected + 0.1).contains(&seconds), "{seconds}, not {expected}");
}

#[test]
fn the_timeout_begins_anew_when_the_upstream_takes_a_part() {
    paused(async {
        let upstream = upstream(Some(1.0), None, BreakerSettings::default());
        let ten_parts = [[Taken(0.9); 10].as_slice(), &[Caller(5.0), Silent(0.9)]].concat();
        let (error, time) = upload(&upstream, &ten_parts).await;
        assert!(error.is_none(), "{error:?}");
        takes(time, 14.9);
        let stalls = [[Taken(0.9); 3].as_slice(), &[Caller(2.0), Silent(5.0)]].concat();
        let (error, time) = upload(&upstream, &stalls).await;
        assert!(matches!(error, Some(CallError::TimedOut(after)) if after == secs(1.0)));
        takes(time, 2.7 + 2.0 + 1.0);
        assert_eq!(upstream.breaker().unwrap().inspect().await.unwrap().fail_counter, 1);
    });
}

#[test]
fn the_deadline_bounds_an_upload_that_the_upstream_takes_slowly() {
    paused(async {
        let upstream = upstream(Some(1.0), Some(5.0), BreakerSettings::default());
        let parts = [[Caller(3.0)].as_slice(), &[Taken(0.9); 100]].concat();
        let (error, time) = upload(&upstream, &parts).await;
        assert!(matches!(error, Some(CallError::DeadlineExceeded(after)) if after == secs(5.0)));
        takes(time, 3.0 + 5.0);
        let breaker = upstream.breaker().unwrap().inspect().await.unwrap();
        assert_eq!((breaker.fail_counter, breaker.state), (0, State::Closed));
    });
}

#[test]
fn a_trial_whose_caller_is_slow_does_not_reopen_the_circuit() {
    for timeout in [Some(1.0), Some(5.0), None] {
        paused(async {
            let upstream = upstream(timeout, None, BreakerSettings::default());
            let breaker = upstream.breaker().unwrap().clone();
            half_open(&breaker).await;
            let slow = [Caller(60.0), Silent(0.5)];
            let watch = async {
                pass(secs(30.0)).await;
                assert_eq!(breaker.state(), State::HalfOpen);
                let (error, _) = upload(&upstream, &[Silent(0.5)]).await;
                assert!(error.is_none(), "another trial is admitted: {error:?}");
            };
            let ((error, time), ()) = futures::join!(upload(&upstream, &slow), watch);
            assert!(error.is_none(), "{error:?}");
            takes(time, 60.5);
            assert_eq!(breaker.state(), State::Closed);
        });
    }
}

#[test]
fn a_trial_whose_upstream_hangs_after_a_slow_caller_reopens_the_circuit() {
    paused(async {
        let upstream = upstream(Some(1.0), None, BreakerSettings::default());
        let breaker = upstream.breaker().unwrap();
        half_open(breaker).await;
        let (error, time) = upload(&upstream, &[Caller(60.0), Silent(100.0)]).await;
        assert!(matches!(error, Some(CallError::TimedOut(_))), "{error:?}");
        takes(time, 61.0);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn an_attempt_is_not_slow_because_its_caller_is() {
    paused(async {
        let settings = BreakerSettings {
            fail_max: 100,
            slow_rate: Some(0.3),
            slow_call: Some(secs(1.0)),
            min_calls: 1,
            ..BreakerSettings::default()
        };
        let upstream = upstream(Some(3.0), None, settings);
        let breaker = upstream.breaker().unwrap();
        for parts in [&[Caller(10.0)][..], &[Silent(0.5), Caller(10.0), Silent(0.4)]] {
            assert!(upload(&upstream, parts).await.0.is_none());
            assert_eq!(breaker.state(), State::Closed, "{parts:?}");
        }
        assert!(upload(&upstream, &[Silent(0.6), Caller(10.0), Silent(0.6)]).await.0.is_none());
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn the_adaptive_limit_learns_the_time_of_the_upstream_alone() {
    paused(async {
        let concurrency = Concurrency::adaptive(2..=40);
        let upstream = Upstream::builder("u").concurrency(concurrency).start().unwrap();
        for _ in 0..40 {
            assert!(upload(&upstream, &[Caller(3.0), Silent(0.1)]).await.0.is_none());
        }
        let adaptive = upstream.concurrency().unwrap().snapshot().adaptive.unwrap();
        let baseline = adaptive.baseline.unwrap();
        assert!((secs(0.1)..secs(0.12)).contains(&baseline), "{baseline:?}");
    });
}
