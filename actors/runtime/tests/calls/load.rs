//! Many calls, and the call limit.

use std::time::Duration;

use futures::future::join_all;
use resilience_actors::{CallError, CallLimit, Outcome, Rejection, RejectionKind};

use crate::support::{Lab, Script, Settings, Step, answer, closed, exact, paused, scripted, secs};

#[test]
fn calls_past_the_limit_are_rejected_at_once_and_ignored_by_the_breaker() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let lab = Lab::new(script.clone(), Settings::default(), &breaker, CallLimit::new(2));
        let third = async { lab.call().await };
        let (_, _, third) = futures::join!(lab.call(), lab.call_bare(), third);
        let Err(CallError::Rejected(rejection)) = third.result else { panic!("{third:?}") };
        assert_eq!(rejection, Rejection::new(RejectionKind::Overloaded, secs(1.0)));
        assert_eq!(third.elapsed, Duration::ZERO);
    });
}

#[test]
fn a_hundred_thousand_waiting_calls_are_all_answered_in_due_order() {
    const CALLS: usize = 100_000;
    paused(async {
        let failed = std::iter::repeat_n(answer(Outcome::Throttled), CALLS);
        let (lab, script, _) =
            scripted(failed.chain([answer(Outcome::Success)]), Settings::default());
        let calls = (0..CALLS).map(|_| lab.call());
        let mut reports = join_all(calls).await;
        assert!(reports.iter().all(|report| report.result.is_ok()));

        // The second attempts begin in the order of the calls' random waits.
        reports.sort_by_key(|report| report.attempts[0].wait);
        let second = script.times().split_off(CALLS);
        assert_eq!(second.len(), CALLS);
        assert!(second.is_sorted());
        let (first, last) = (second[0], second[CALLS - 1]);
        assert!(last - first > secs(0.09) && last - first <= secs(0.102), "{:?}", last - first);
        assert_eq!(lab.limit.waiting(), 0);
    });
}

#[test]
fn a_call_frees_its_place_before_it_is_answered() {
    paused(async {
        let lab = Lab::new(
            Script::new([answer(Outcome::ServerError)]),
            exact(),
            &closed(),
            CallLimit::new(1),
        );
        for _ in 0..2_000 {
            let report = lab.call_bare().await;
            assert!(report.result.is_ok(), "{report:?}");
        }
    });
}
