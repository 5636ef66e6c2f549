//! What a call begins with, and what is checked.

use std::sync::{Arc, Mutex};

use resilience_actors::{
    BreakerSettings, CallSettings, Concurrency, EventKind, EventType, Observation, Observer,
    Outcome, ReconfigureError, Retry, RetryBudget, State, Upstream,
};

use super::{change, rejection};
use crate::support::{
    Script, Step, answer, breaker, closed, exact, lab, pass, paused, scripted, secs, settle,
};

#[test]
fn a_call_in_its_retry_wait_keeps_the_settings_that_it_began_with() {
    paused(async {
        let (lab, script, _) = scripted([answer(Outcome::ServerError)], exact());
        let new_settings = async {
            pass(secs(0.5)).await;
            change(&lab.protected, |settings| {
                settings.retry = Some(Retry { max_attempts: 2, jitter: 0.0, ..Retry::default() });
            });
            lab.call().await
        };
        let (old, new) = futures::join!(lab.call(), new_settings);
        assert_eq!((old.attempts.len(), new.attempts.len()), (4, 2));
        assert_eq!((script.touched(), lab.limit.in_use(), lab.limit.waiting()), (6, 0, 0));
    });
}

#[test]
fn an_attempt_in_flight_keeps_its_timeout_and_the_next_call_has_the_new_one() {
    paused(async {
        let (lab, ..) = scripted([Step::Hang], exact());
        let new_settings = async {
            settle().await;
            change(&lab.protected, |settings| settings.attempt_timeout = Some(secs(0.5)));
            lab.call_once().await
        };
        let (old, new) = futures::join!(lab.call_once(), new_settings);
        let took = [old, new].map(|report| report.elapsed.as_secs_f64());
        assert!((3.0..3.1).contains(&took[0]) && (0.5..0.6).contains(&took[1]), "{took:?}");
    });
}

#[test]
fn calls_that_wait_are_released_together_whichever_settings_they_began_with() {
    paused(async {
        let breaker = breaker(BreakerSettings { fail_max: 100, ..Default::default() });
        let lab = lab(&Script::new([answer(Outcome::ServerError)]), exact(), &breaker);
        let opening = async {
            settle().await;
            change(&lab.protected, |settings| settings.connect_retries = 0);
            let second = lab.call();
            let opened = async {
                settle().await;
                assert_eq!(lab.limit.waiting(), 2);
                breaker.force_open().await.unwrap();
            };
            futures::join!(second, opened).0
        };
        let (first, second) = futures::join!(lab.call(), opening);
        for report in [first, second] {
            assert!(rejection(&report).is_some() && report.elapsed < secs(0.1), "{report:?}");
        }
        let released =
            breaker.events().last(9, |event| event.kind.event_type() == EventType::Release);
        let EventKind::Release { calls, .. } = released[0].kind else { panic!("{released:?}") };
        assert_eq!((released.len(), calls), (1, 2));
    });
}

#[test]
fn settings_that_break_a_rule_change_nothing() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::Success)], exact());
        let before = lab.protected.config();
        let settings = || CallSettings::from(lab.protected.config());
        for (field, settings) in [
            ("connect_retries", CallSettings { connect_retries: 101, ..settings() }),
            ("call_deadline", CallSettings { call_deadline: Some(secs(1.0)), ..settings() }),
            // Beside the breaker's settings.
            ("trial_lease", CallSettings { attempt_timeout: Some(secs(6.0)), ..settings() }),
            (
                "concurrency_wait",
                CallSettings {
                    attempt_timeout: Some(secs(1.0)),
                    concurrency: Some(Concurrency::at_most(1).queue(1).wait(secs(29.5))),
                    ..settings()
                },
            ),
        ] {
            let error = lab.protected.reconfigure(settings.clone()).unwrap_err();
            assert_eq!(error.field, field, "{error}");
            let breaker = BreakerSettings { fail_max: 2, ..BreakerSettings::default() };
            let error = lab.protected.reconfigure_with_breaker(settings, breaker).await;
            assert!(matches!(error, Err(ReconfigureError::Invalid(_))), "{error:?}");
        }
        assert_eq!((lab.protected.config(), breaker.config().fail_max), (before, 5));
        assert!(lab.protected.snapshot().is_empty());
    });
}

#[test]
fn the_breaker_changes_together_with_the_calls() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::ServerError)], exact());
        let calls = CallSettings {
            attempt_timeout: Some(secs(8.0)),
            retry: None,
            ..lab.protected.config().into()
        };
        assert_eq!(lab.protected.reconfigure(calls.clone()).unwrap_err().field, "trial_lease");
        let settings =
            BreakerSettings { fail_max: 2, trial_lease: secs(9.0), ..Default::default() };
        lab.protected.reconfigure_with_breaker(calls, settings).await.unwrap();
        for state in [State::Closed, State::Open] {
            assert_eq!((lab.call().await.attempts.len(), breaker.state()), (1, state));
        }
        let without = Upstream::builder("without").start().unwrap();
        let error = without.reconfigure_with_breaker(Default::default(), Default::default()).await;
        assert!(matches!(error, Err(ReconfigureError::Invalid(_))), "{error:?}");
    });
}

#[test]
fn a_change_goes_on_if_its_caller_leaves() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::Success)], exact());
        let calls = CallSettings { connect_retries: 7, ..lab.protected.config().into() };
        let settings = BreakerSettings { fail_max: 2, ..BreakerSettings::default() };
        let changing = lab.protected.reconfigure_with_breaker(calls, settings);
        assert!(futures::future::poll_immediate(std::pin::pin!(changing)).await.is_none());
        settle().await;
        assert_eq!((lab.protected.config().connect_retries, breaker.config().fail_max), (7, 2));
    });
}

#[derive(Clone, Default)]
struct Changes(Arc<Mutex<Vec<Vec<String>>>>);

impl Observer for Changes {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::CallsReconfigured { changes, .. } = observation {
            self.0.lock().unwrap().push(changes.to_vec());
        }
    }
}

#[test]
fn observers_are_told_what_has_changed_and_nothing_if_nothing_has() {
    paused(async {
        let (seen, breaker) = (Changes::default(), closed());
        let upstream = Upstream::builder("backend").breaker(breaker.clone());
        let upstream = upstream.observer(Arc::new(seen.clone())).start().unwrap();
        change(&upstream, |_| ());
        change(&upstream, |settings| {
            settings.attempt_timeout = Some(secs(2.0));
            settings.retry = Some(Retry::default());
        });
        change(&upstream, |settings| settings.retry_budget = Some(RetryBudget::share(0.1)));
        change(&upstream, |_| ());
        let seen = seen.0.lock().unwrap();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].contains(&"attempt_timeout none -> 2".to_owned()), "{seen:?}");
        assert_eq!(seen[1], ["retry_budget none -> 0.1", "retry_budget_min none -> 10"]);
        let events = breaker.events().last(9, |event| {
            matches!(&event.kind, EventKind::Reconfigured { changes, .. } if seen.contains(changes))
        });
        assert_eq!(events.len(), 2);
    });
}
