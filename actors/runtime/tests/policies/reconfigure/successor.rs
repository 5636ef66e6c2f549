//! Two handles on one upstream, with the settings before and after.

use resilience_actors::{
    BreakerSettings, CallOptions, CallSettings, CallVariant, Concurrency, Outcome,
    ReconfigureError, Upstream,
};

use crate::support::{
    Lab, Script, Settings, Step, answer, closed, exact, lab, paused, scripted, secs, settle,
};

/// The settings of the upstream with another attempt timeout, also of its one variant.
fn timeouts(upstream: &Upstream, of_calls: f64, of_variant: f64) -> CallSettings {
    let variant = CallVariant {
        attempt_timeout: Some(secs(of_variant)),
        call_deadline: Some(secs(20.0)),
        ..CallVariant::default()
    };
    CallSettings {
        attempt_timeout: Some(secs(of_calls)),
        retry: None,
        variants: vec![variant],
        ..upstream.config().into()
    }
}

async fn took(lab: &Lab<Script>, variant: Option<u16>) -> f64 {
    let options = variant.map_or_else(CallOptions::new, |index| CallOptions::new().variant(index));
    let report = lab.call_with(options).await;
    report.elapsed.as_secs_f64()
}

#[test]
fn each_handle_has_its_settings_and_its_variants() {
    paused(async {
        let (mut old, ..) = scripted([Step::Hang], exact());
        old.protected.reconfigure(timeouts(&old.protected, 1.0, 2.0)).unwrap();
        let (settings, breaker) = (timeouts(&old.protected, 3.0, 4.0), BreakerSettings::default());
        let new = old.protected.successor(settings, breaker).await.unwrap();
        let before = [took(&old, None).await, took(&old, Some(0)).await];
        old.protected = new;
        let after = [took(&old, None).await, took(&old, Some(0)).await];
        assert_eq!([before, after].map(|took| took.map(f64::floor)), [[1.0, 2.0], [3.0, 4.0]]);
    });
}

#[test]
fn both_share_the_breaker_and_the_places() {
    paused(async {
        let breaker = closed();
        let limited = Settings { concurrency: Some(Concurrency::at_most(2)), ..exact() };
        let mut lab = lab(
            &Script::new([Step::AnswerAfter(secs(1.0), Outcome::Success.into())]),
            limited,
            &breaker,
        );
        let old = lab.protected.clone();
        let one =
            CallSettings { concurrency: Some(Concurrency::at_most(1)), ..old.config().into() };
        let fail_max = BreakerSettings { fail_max: 2, ..BreakerSettings::default() };
        let first = lab.call();
        let changing = async {
            settle().await;
            old.successor(one, fail_max).await.unwrap()
        };
        let (_, new) = futures::join!(first, changing);
        assert_eq!((breaker.config().fail_max, new.breaker().unwrap().config().fail_max), (2, 2));
        for upstream in [&old, &new] {
            let limit = upstream.concurrency().unwrap().snapshot();
            assert_eq!((limit.max, limit.in_flight), (1, 0));
        }
        lab.protected = new;
        assert!(lab.call().await.result.is_ok());
    });
}

#[test]
fn settings_that_break_a_rule_have_no_successor() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::Success)], exact());
        let calls = timeouts(&lab.protected, 6.0, 6.0);
        let settings = BreakerSettings { fail_max: 2, ..BreakerSettings::default() };
        let error = lab.protected.successor(calls, settings).await.unwrap_err();
        assert!(matches!(error, ReconfigureError::Invalid(_)), "{error:?}");
        assert_eq!(breaker.config().fail_max, 5);
        let without = Upstream::builder("without").start().unwrap();
        let error = without.successor(CallSettings::default(), BreakerSettings::default()).await;
        assert!(matches!(error, Err(ReconfigureError::Invalid(_))), "{error:?}");
    });
}
