//! Calls that choose a variant of the settings.

use resilience_actors::{
    BreakerSettings, CallOptions, CallSettings, CallVariant, Concurrency, Hedge, Outcome,
    Rejection, RejectionKind, Retry, RetryBudget, State,
};

use crate::support::{
    Script, Step, answer, breaker, closed, exact, lab, pass, paused, scripted, secs, settle,
    without_jitter,
};

/// The settings of the tests' upstream with this variant.
fn with(variant: CallVariant) -> CallSettings {
    CallSettings { variants: vec![variant], ..exact().into() }
}

/// Retries, timeout and deadline of the tests' upstream.
fn same() -> CallVariant {
    let CallSettings { retry, attempt_timeout, call_deadline, hedge, .. } = exact().into();
    CallVariant { retry, attempt_timeout, call_deadline, hedge }
}

fn chosen() -> CallOptions {
    CallOptions::new().variant(0)
}

#[test]
fn a_call_has_the_retries_of_its_variant_and_others_those_of_the_upstream() {
    paused(async {
        let (lab, ..) = scripted([answer(Outcome::ServerError)], exact());
        let retry = Some(Retry { max_attempts: 2, ..without_jitter() });
        lab.protected.reconfigure(with(CallVariant { retry, ..same() })).unwrap();
        assert_eq!(lab.call_with(chosen()).await.attempts.len(), 2);
        assert_eq!(lab.call().await.attempts.len(), 4);
        let unknown = CallOptions::new().variant(1);
        assert_eq!(lab.call_with(unknown).await.attempts.len(), 4);
        lab.protected.reconfigure(with(CallVariant { retry: None, ..same() })).unwrap();
        assert_eq!(lab.call_with(chosen()).await.attempts.len(), 1);
    });
}

#[test]
fn a_call_has_the_timeout_and_the_deadline_of_its_variant() {
    paused(async {
        let (lab, ..) = scripted([Step::Hang], exact());
        let variant = CallVariant {
            attempt_timeout: Some(secs(1.0)),
            call_deadline: Some(secs(1.5)),
            ..same()
        };
        lab.protected.reconfigure(with(variant)).unwrap();
        let report = lab.call_with(chosen()).await;
        assert_eq!(report.attempts.len(), 1, "the wait of 1 s would pass the deadline");
        assert!((1.0..1.1).contains(&report.elapsed.as_secs_f64()), "{:?}", report.elapsed);
        assert!((3.0..3.1).contains(&lab.call_once().await.elapsed.as_secs_f64()));
    });
}

#[test]
fn the_circuit_of_the_upstream_counts_the_failures_of_both() {
    paused(async {
        let breaker = breaker(BreakerSettings { fail_max: 2, ..Default::default() });
        let lab = lab(&Script::new([answer(Outcome::ServerError)]), exact(), &breaker);
        lab.protected.reconfigure(with(CallVariant { retry: None, ..same() })).unwrap();
        lab.call_with(chosen()).await;
        assert_eq!(lab.protected.state(), State::Closed);
        lab.call_once().await;
        assert_eq!(lab.protected.state(), State::Open);
        for options in [chosen(), CallOptions::new()] {
            let report = lab.call_with(options).await;
            let kind = report.rejection().map(Rejection::kind);
            assert_eq!(kind, Some(RejectionKind::CircuitOpen));
        }
    });
}

#[test]
fn the_places_and_the_retry_budget_are_shared() {
    paused(async {
        let (lab, ..) = scripted([Step::Hang], exact());
        let settings = CallSettings {
            concurrency: Some(Concurrency::at_most(1)),
            retry_budget: Some(RetryBudget::share(0.1)),
            ..with(CallVariant { retry: None, ..same() })
        };
        lab.protected.reconfigure(settings).unwrap();
        let left = || lab.protected.snapshot().retry_budget.unwrap().left;
        let left_before = left();
        let second = async {
            settle().await;
            lab.call().await
        };
        let (first, second) = futures::join!(lab.call_with(chosen()), second);
        assert_eq!(first.attempts.len(), 1);
        assert_eq!(second.rejection().map(Rejection::kind), Some(RejectionKind::ConcurrencyLimit));
        assert!(left() > left_before, "the call of the variant counts");
    });
}

#[test]
fn hedges_of_variants_are_counted_together_and_stay_counted() {
    paused(async {
        let slow = Step::AnswerAfter(secs(1.0), Outcome::Success.into());
        let (lab, script, _) = scripted([slow], exact());
        let hedged = |after| CallVariant { hedge: Some(Hedge::after(secs(after))), ..same() };
        let variants = vec![hedged(0.1), hedged(0.2)];
        lab.protected.reconfigure(CallSettings { variants, ..exact().into() }).unwrap();
        lab.call_with(chosen()).await;
        lab.call_with(CallOptions::new().variant(1)).await;
        lab.call().await;
        assert_eq!(script.touched(), 5);
        assert_eq!(lab.protected.snapshot().hedge.unwrap().made, 2);
        lab.protected.reconfigure(with(hedged(0.5))).unwrap();
        assert_eq!(lab.protected.snapshot().hedge.unwrap().made, 2);
        pass(secs(1.0)).await;
    });
}

#[test]
fn a_variant_that_breaks_a_rule_is_refused_and_nothing_changes() {
    paused(async {
        let lab = lab(&Script::new([answer(Outcome::Success)]), exact(), &closed());
        let before = lab.protected.config();
        for (field, variant) in [
            (
                "max_attempts",
                CallVariant {
                    retry: Some(Retry { max_attempts: 0, ..without_jitter() }),
                    ..same()
                },
            ),
            ("call_deadline", CallVariant { call_deadline: Some(secs(0.5)), ..same() }),
            ("trial_lease", CallVariant { attempt_timeout: Some(secs(6.0)), ..same() }),
            ("hedge_after", CallVariant { hedge: Some(Hedge::after(secs(3.0))), ..same() }),
        ] {
            assert_eq!(lab.protected.reconfigure(with(variant)).unwrap_err().field, field);
        }
        assert_eq!(lab.protected.config(), before);
    });
}
