//! Attempts that do not reach the upstream, and fresh connections.

use std::time::Duration;

use resilience_actors::{CallError, Outcome};

use crate::support::{
    Script, Settings, Step, answer, closed, exact, fail, fail_counter, half_open, lab, paused,
    scripted, secs,
};

#[test]
fn an_unreachable_attempt_is_repeated_at_once_on_a_fresh_connection() {
    paused(async {
        let unreachable = Step::Unreachable(secs(0.5));
        let (lab, script, breaker) =
            scripted([unreachable.clone(), unreachable, answer(Outcome::Success)], exact());
        let report = lab.call().await;
        assert!(report.result.is_ok());
        assert_eq!((report.attempts.len(), report.elapsed), (1, secs(1.0)));
        assert_eq!(script.repeats(), [0, 1, 2]);
        assert_eq!(fail_counter(&breaker).await, 0);
    });
}

#[test]
fn an_attempt_that_times_out_while_connecting_is_unreachable() {
    paused(async {
        let (lab, _, _) = scripted([Step::Unreachable(secs(2.0))], exact());
        let report = lab.call_once().await;
        assert!(matches!(report.result, Err(CallError::Unconnected(_))), "{report:?}");
        assert_eq!(report.attempts[0].outcome, Outcome::Unreachable);
        assert_eq!(report.elapsed, secs(3.0), "within the attempt's timeout");
    });
}

#[test]
fn a_request_that_is_not_idempotent_is_neither_retried_nor_repeated() {
    paused(async {
        for step in [answer(Outcome::ServerError), Step::Unreachable(Duration::ZERO)] {
            let script = Script::new([step]).not_idempotent();
            let report = lab(&script, exact(), &closed()).call().await;
            assert_eq!((report.attempts.len(), script.touched()), (1, 1));
        }
    });
}

#[test]
fn bare_calls_make_one_attempt_whatever_the_circuit_state() {
    paused(async {
        let (lab, script, breaker) = scripted([Step::Unreachable(Duration::ZERO)], exact());
        lab.call_bare().await;
        assert_eq!((script.touched(), fail_counter(&breaker).await), (1, 0));
        fail(&breaker, 5).await;
        lab.call_bare().await;
        assert_eq!(script.touched(), 2);
    });
}

#[test]
fn a_retry_after_a_timeout_or_connection_failure_uses_a_fresh_connection() {
    paused(async {
        for (first, fresh) in [
            (Step::Hang, true),
            (answer(Outcome::Transient), true),
            (answer(Outcome::Unreachable), true),
            (answer(Outcome::ServerError), false),
            (answer(Outcome::Throttled), false),
            (answer(Outcome::Unusable), false),
        ] {
            let settings = Settings { connect_retries: 0, ..exact() };
            let (lab, script, _) = scripted([first.clone(), answer(Outcome::Success)], settings);
            lab.call().await;
            assert_eq!(script.fresh_connections(), [false, fresh], "after {first:?}");
        }
    });
}

#[test]
fn repeats_and_trials_use_fresh_connections() {
    paused(async {
        let steps = [Step::Unreachable(Duration::ZERO), answer(Outcome::Success)];
        let (lab, script, breaker) = scripted(steps, exact());
        lab.call().await;
        assert_eq!(script.fresh_connections(), [false, true]);
        half_open(&breaker).await;
        lab.call().await;
        lab.call().await;
        assert_eq!(script.fresh_connections(), [false, true, true, false]);
    });
}

#[test]
fn an_attempt_that_reaches_a_hanging_backend_after_a_stale_connection_is_a_timeout() {
    paused(async {
        let (lab, script, _) = scripted([Step::Unreachable(Duration::ZERO), Step::Hang], exact());
        let report = lab.call_once().await;
        assert!(matches!(report.result, Err(CallError::TimedOut(_))), "{report:?}");
        assert_eq!(script.touched(), 2);
    });
}
