//! Fault injection: failures, delays and panics that other policies take for the upstream's.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use resilience_actors::{
    Attempt, AttemptRecord, CallError, CallSettings, Chaos, ChaosSnapshot, Hedge, InjectedFault,
    Observation, Observer, Outcome, State, Upstream,
};

use crate::support::{
    Lab, Script, Settings, answer, exact, fail_counter, pass, paused, scripted, secs,
    without_jitter,
};

const ALWAYS: f64 = 1.0;

fn chaos(chaos: Chaos) -> Settings {
    Settings { chaos: Some(chaos), ..exact() }
}

fn state(lab: &Lab<Script>) -> ChaosSnapshot {
    lab.protected.snapshot().chaos.unwrap()
}

fn outcome_and_fault(attempt: &AttemptRecord) -> (Outcome, Option<InjectedFault>) {
    (attempt.outcome, attempt.injected)
}

#[test]
fn an_injected_failure_is_retried_and_counts_for_the_breaker_like_an_upstreams() {
    paused(async {
        let settings = chaos(Chaos::default().fail(ALWAYS));
        let (lab, script, breaker) = scripted([answer(Outcome::Success)], settings);
        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::Injected)), "{report:?}");
        assert_eq!(report.result.unwrap_err().to_string(), "injected failure");
        let expected = (Outcome::ServerError, Some(InjectedFault::Failure));
        assert!(report.attempts.iter().all(|attempt| outcome_and_fault(attempt) == expected));
        assert_eq!((report.attempts.len(), report.elapsed), (4, secs(7.0)));
        assert_eq!((fail_counter(&breaker).await, script.touched()), (1, 0), "once per call");
        for _ in 0..4 {
            lab.call_once().await;
        }
        assert_eq!(breaker.state(), State::Open);
        assert_eq!((state(&lab).attempts, state(&lab).failures), (8, 8));
    });
}

#[test]
fn a_delayed_attempt_begins_later_and_hits_its_timeout_like_a_slow_upstreams() {
    for (delay, timeout, outcome) in [(1.0, 3.0, Outcome::Success), (5.0, 3.0, Outcome::TimedOut)] {
        paused(async move {
            let chaos = chaos(Chaos::default().delay(ALWAYS, secs(delay)));
            let settings = Settings { attempt_timeout: secs(timeout), ..chaos };
            let (lab, script, breaker) = scripted([answer(Outcome::Success)], settings);
            let report = lab.call_once().await;
            let expected = (outcome, Some(InjectedFault::Delay));
            assert_eq!(outcome_and_fault(&report.attempts[0]), expected);
            let took = delay.min(timeout);
            assert!(report.elapsed - secs(took) < Duration::from_millis(2), "{report:?}");
            let timed_out = outcome == Outcome::TimedOut;
            assert_eq!(script.touched(), usize::from(!timed_out));
            assert_eq!(fail_counter(&breaker).await, u32::from(timed_out));
            assert_eq!(state(&lab).delays, 1);
        });
    }
}

#[test]
fn an_injected_panic_is_contained() {
    paused(async {
        let settings = chaos(Chaos::default().panic(ALWAYS));
        let (lab, script, breaker) = scripted([answer(Outcome::Success)], settings);
        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::Panicked)), "{report:?}");
        let faults: Vec<_> = report.attempts.iter().map(outcome_and_fault).collect();
        assert_eq!(faults, [(Outcome::Panicked, Some(InjectedFault::Panic))]);
        assert_eq!((fail_counter(&breaker).await, script.touched()), (1, 0));
        assert_eq!((lab.limit.in_use(), state(&lab).panics), (0, 1));
    });
}

/// The faults of fifty calls of one attempt each.
async fn faults(settings: Settings) -> Vec<Option<InjectedFault>> {
    let (lab, ..) = scripted([answer(Outcome::Success)], Settings { max_attempts: 1, ..settings });
    let mut faults = Vec::new();
    for _ in 0..50 {
        // Half of the calls fail, which would open the circuit.
        lab.protected.breaker().unwrap().reset().await.unwrap();
        faults.push(lab.call().await.attempts[0].injected);
    }
    faults
}

#[test]
fn faults_repeat_with_a_seed() {
    paused(async {
        let seeded = |seed| chaos(Chaos::default().fail(0.3).delay(0.2, secs(0.1)).seed(seed));
        let first = faults(seeded(7)).await;
        assert_eq!(first, faults(seeded(7)).await);
        assert_ne!(first, faults(seeded(8)).await);
        for fault in [None, Some(InjectedFault::Failure), Some(InjectedFault::Delay)] {
            assert!(first.contains(&fault), "{first:?}");
        }
    });
}

#[test]
fn a_repeat_on_a_fresh_connection_has_no_draw_of_its_own() {
    paused(async {
        let steps = [crate::support::Step::Unreachable(secs(0.0)), answer(Outcome::Success)];
        let settings = chaos(Chaos::default().delay(ALWAYS, secs(0.5)));
        let (lab, script, _) = scripted(steps, settings);
        let report = lab.call().await;
        assert_eq!((report.attempts.len(), script.repeats()), (1, vec![0, 1]));
        assert_eq!((report.elapsed, state(&lab).attempts), (secs(0.5), 1));
    });
}

#[test]
fn a_hedge_overtakes_a_delayed_attempt() {
    paused(async {
        // With this seed the first attempt is delayed, and the hedge is not.
        let chaos = chaos(Chaos::default().delay(0.5, secs(2.0)).seed(3));
        let settings = Settings { hedge: Some(Hedge::after(secs(0.1))), ..chaos };
        let (lab, script, _) = scripted([answer(Outcome::Success)], settings);
        let report = lab.call().await;
        assert_eq!((report.elapsed, script.touched()), (secs(0.1), 1), "{report:?}");
        let outcomes: Vec<_> = report.attempts.iter().map(outcome_and_fault).collect();
        assert_eq!(outcomes, [(Outcome::Cancelled, None), (Outcome::Success, None)]);
        assert_eq!((state(&lab).attempts, state(&lab).delays), (2, 1));
    });
}

/// Keeps what it is told of fault injection.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Told {
    fn observe(&self, observation: &Observation<'_>) {
        let line = match observation {
            Observation::ChaosSet { upstream, chaos } => match chaos {
                Some(chaos) => format!("{upstream} on: {chaos}"),
                None => format!("{upstream} off"),
            },
            Observation::ChaosIsOn { reminder, .. } => {
                format!("{} in {:?}", reminder.faults, reminder.since)
            }
            Observation::Injected { attempt, fault, .. } => format!("{attempt}: {fault}"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

async fn succeed(_: Attempt<'_>) -> Result<(), String> {
    Ok(())
}

#[test]
fn observers_are_told_that_it_is_on_and_of_each_fault_and_once_a_minute_that_it_still_is() {
    paused(async {
        let told = Arc::new(Told::default());
        let chaos = Chaos::default().fail(ALWAYS);
        let builder = Upstream::builder("x").chaos(chaos).observer(told.clone());
        let upstream = builder.start().unwrap();
        let on = "x on: 100 % of the attempts fail, 0 % are delayed by 1.000s, 0 % panic";
        assert_eq!(told.take(), [on]);
        for _ in 0..59 {
            pass(secs(1.0)).await;
            assert!(upstream.call(succeed).await.is_err());
            assert_eq!(told.take(), ["1: failure"]);
        }
        pass(secs(11.0)).await;
        upstream.call(succeed).await.unwrap_err();
        assert_eq!(told.take(), ["60 in 70s", "1: failure"]);
        upstream.call(succeed).await.unwrap_err();
        assert_eq!(told.take(), ["1: failure"]);
    });
}

#[test]
fn it_is_switched_on_changed_and_off_at_run_time() {
    paused(async {
        let told = Arc::new(Told::default());
        let upstream = Upstream::builder("x").observer(told.clone()).start().unwrap();
        let set = |chaos| {
            upstream.reconfigure(CallSettings { chaos, ..CallSettings::default() }).unwrap();
            told.take()
        };
        upstream.call(succeed).await.unwrap();
        let counts = || upstream.snapshot().chaos.map(|chaos| (chaos.failures, chaos.panics));

        let half = ", 0 % are delayed by 1.000s, 0 % panic, with seed 7";
        let on = set(Some(Chaos::default().fail(ALWAYS).seed(7)));
        assert_eq!(on, [format!("x on: 100 % of the attempts fail{half}")]);
        upstream.call(succeed).await.unwrap_err();
        assert_eq!((told.take(), counts()), (vec!["1: failure".to_owned()], Some((1, 0))));

        let all_slow = Chaos::default().delay(ALWAYS, secs(5.0)).seed(7);
        assert_eq!(set(Some(all_slow)).len(), 1);
        assert_eq!(counts(), Some((1, 0)), "counts go on");
        // A call that waits for its retry when fault injection goes off gets no further fault.
        let chaos = Some(Chaos::default().fail(ALWAYS));
        let with_retry = |chaos| CallSettings {
            retry: Some(without_jitter()),
            chaos,
            ..CallSettings::default()
        };
        upstream.reconfigure(with_retry(chaos)).unwrap();
        told.take();
        let off = async {
            pass(secs(0.5)).await;
            upstream.reconfigure(with_retry(None)).unwrap();
        };
        let (report, ()) = futures::join!(upstream.report(succeed), off);
        let faults: Vec<_> = report.attempts.iter().map(outcome_and_fault).collect();
        let failed = (Outcome::ServerError, Some(InjectedFault::Failure));
        assert_eq!(faults, [failed, (Outcome::Success, None)]);
        assert_eq!(told.take(), ["1: failure", "x off"]);
        assert_eq!(counts(), None);
    });
}

#[test]
fn it_is_off_by_default_and_if_all_shares_are_0_and_then_draws_nothing() {
    paused(async {
        let told = Arc::new(Told::default());
        let mut waits = Vec::new();
        for chaos in [None, Some(Chaos::default())] {
            let settings = CallSettings { chaos, ..Settings::default().into() };
            let builder = Upstream::builder("x").settings(settings).seed(1).observer(told.clone());
            let upstream = builder.start().unwrap();
            let report = upstream.report(async |_| Err::<(), _>("down")).await;
            assert!(report.attempts.iter().all(|attempt| attempt.injected.is_none()));
            assert!(upstream.snapshot().is_empty());
            waits.push(report.attempts.iter().map(|attempt| attempt.wait).collect::<Vec<_>>());
        }
        assert_eq!(waits[0], waits[1], "jitter has the same random numbers");
        assert!(told.take().is_empty());
    });
}
