//! Panics, and actors that end.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
};

use resilience_actors::{CallError, Observation, Observer, Outcome, State, Upstream};

use crate::support::{
    Script, Step, answer, closed, exact, fail_counter, half_open, lab, pass, paused, scripted,
    secs, settle,
};

#[test]
fn a_panic_in_an_attempt_fails_that_call_only_and_gives_its_permit_back() {
    paused(async {
        let (lab, _, breaker) = scripted([Step::Panic, answer(Outcome::Success)], exact());
        half_open(&breaker).await;

        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::Panicked)), "{report:?}");
        assert_eq!(report.state, State::Open, "the trial failed");
        assert_eq!(lab.limit.in_use(), 0);

        pass(secs(30.0)).await;
        let report = lab.call().await;
        assert!(report.result.is_ok());
        assert_eq!(report.state, State::Closed);
    });
}

#[test]
fn a_call_whose_scheduler_is_gone_is_lost_and_the_next_call_gets_a_new_scheduler() {
    let script = Script::new([answer(Outcome::Throttled), answer(Outcome::Success)]);
    let (lab, mut waiting) = paused(async {
        let lab = lab(&script, exact(), &closed());
        let (upstream, operation) = (lab.protected.clone(), script.clone());
        let mut waiting = Box::pin(async move { upstream.run(operation).await });
        assert!(futures::poll!(&mut waiting).is_pending());
        settle().await;
        assert_eq!(lab.limit.waiting(), 1);
        (lab, waiting)
    });
    // The scheduler has ended with its actix system.
    paused(async move {
        let report = (&mut waiting).await;
        assert!(matches!(report.result, Err(CallError::Lost)), "{report:?}");
        assert!(lab.call_bare().await.result.is_ok());
        assert_eq!(resilience_actors::retry::schedulers_died(), 0, "the scheduler did not die");
    });
}

#[test]
fn a_panic_in_is_idempotent_fails_that_call_only() {
    paused(async {
        let (script, breaker) =
            (Script::new([answer(Outcome::Success)]).with_panicking_idempotency(), closed());
        let lab = lab(&script, exact(), &breaker);
        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::Panicked)), "{report:?}");
        assert_eq!(fail_counter(&breaker).await, 1);
    });
}

#[test]
fn a_breaker_ends_when_neither_a_handle_nor_an_upstream_holds_it() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::Success)], exact());
        lab.call().await;
        let gone = breaker.stopped();
        drop((lab, breaker));
        gone.await;
    });
}

/// Counts its observations, and panics at each.
struct Panics(AtomicUsize);

impl Observer for Panics {
    fn observe(&self, _: &Observation<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("in an observer");
    }
}

#[test]
fn a_panic_in_an_observer_changes_nothing_for_the_call() {
    paused(async {
        let (breaker, observer) = (closed(), Arc::new(Panics(AtomicUsize::new(0))));
        let builder = Upstream::builder("observed").breaker(breaker.clone());
        let upstream = builder.observer(Arc::<Panics>::clone(&observer)).start().unwrap();
        let report = upstream.run(Script::new([answer(Outcome::Unsupported)])).await;
        assert_eq!(report.result.unwrap().outcome, Outcome::Unsupported);
        assert_eq!(fail_counter(&breaker).await, 1);
        assert_eq!(observer.0.load(Ordering::SeqCst), 3, "admitted, attempt ended, call ended");
    });
}
