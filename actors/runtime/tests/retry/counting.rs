//! What the breaker learns of a call that is retried.

use resilience_actors::{BreakerScope, CallError, Outcome, State};

use crate::support::{
    Settings, Step, answer, exact, fail, fail_counter, pass, paused, scripted, secs,
};

#[test]
fn a_call_whose_attempts_all_fail_counts_once_and_returns_the_last_failure() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::ServerError)], exact());
        let report = lab.call().await;
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!((report.attempts.len(), fail_counter(&breaker).await), (4, 1));
    });
}

#[test]
fn every_failed_attempt_counts_in_attempt_scope() {
    paused(async {
        let settings = Settings { scope: BreakerScope::Attempt, ..exact() };
        let (lab, _, breaker) = scripted([answer(Outcome::ServerError)], settings);
        lab.call().await;
        assert_eq!(fail_counter(&breaker).await, 4);
    });
}

#[test]
fn an_attempt_cut_short_by_the_deadline_is_neutral() {
    paused(async {
        for second in [Step::Hang, Step::Unreachable(secs(2.5))] {
            let settings = Settings { call_deadline: secs(3.0), ..exact() };
            let (lab, _, breaker) = scripted([answer(Outcome::Throttled), second], settings);
            let report = lab.call().await;
            assert!(matches!(report.result, Err(CallError::DeadlineExceeded(_))), "{report:?}");
            assert_eq!(report.attempts[1].outcome, Outcome::DeadlineExceeded);
            assert_eq!((report.elapsed, fail_counter(&breaker).await), (secs(3.0), 0));
        }
    });
}

#[test]
fn each_attempt_to_a_hanging_backend_times_out_and_the_call_counts_once() {
    paused(async {
        let (lab, _, breaker) = scripted([Step::Hang], exact());
        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::TimedOut(_))), "{report:?}");
        // Four timeouts of 3 s, and waits of 1, 2 and 4 s.
        assert_eq!((report.attempts.len(), report.elapsed), (4, secs(19.0)));
        assert_eq!(fail_counter(&breaker).await, 1);
    });
}

/// An attempt that the deadline cuts short is neutral. It must not hide the attempts before it.
#[test]
fn a_hanging_backend_opens_the_circuit_for_every_deadline_and_timeout() {
    paused(async {
        for call_deadline in [3.0, 3.5, 4.0, 5.0, 7.0, 10.0, 19.0, 20.0, 30.0, 100.0].map(secs) {
            for (max_attempts, attempt_timeout) in
                [1, 2, 4, 5, 6].into_iter().flat_map(|max| [0.5, 3.0].map(|it| (max, secs(it))))
            {
                let settings = Settings {
                    max_attempts,
                    call_deadline,
                    attempt_timeout,
                    ..Settings::default()
                };
                let (lab, _, breaker) = scripted([Step::Hang], settings.clone());
                for call in 1..=5 {
                    lab.call().await;
                    let counted = fail_counter(&breaker).await;
                    assert_eq!(counted, call, "after call {call} with {settings:?}");
                }
                assert_eq!(breaker.state(), State::Open, "{settings:?}");
            }
        }
    });
}

#[test]
fn a_failure_counts_when_only_neutral_outcomes_follow_it() {
    paused(async {
        for neutral in [Outcome::Throttled, Outcome::Transient, Outcome::LocalShortage] {
            for failure in [Outcome::ServerError, Outcome::Unusable] {
                let settings = Settings { max_attempts: 3, ..exact() };
                let (lab, script, breaker) = scripted([answer(failure), answer(neutral)], settings);
                let report = lab.call().await;
                assert_eq!(report.result.unwrap().outcome, neutral);
                assert_eq!((script.touched(), fail_counter(&breaker).await), (3, 1), "{neutral:?}");
            }
        }
    });
}

#[test]
fn a_failure_repaired_by_a_retry_does_not_count() {
    paused(async {
        for success in [Outcome::Success, Outcome::ClientError] {
            let steps = [Outcome::ServerError, Outcome::Throttled, success].map(answer);
            let (lab, _, breaker) = scripted(steps, exact());
            fail(&breaker, 3).await;
            lab.call().await;
            let counts = breaker.counts();
            assert_eq!((fail_counter(&breaker).await, counts.failed), (0, 3), "{counts:?}");
        }
    });
}

#[test]
fn a_call_with_several_failures_counts_once() {
    paused(async {
        let steps = [Outcome::ServerError, Outcome::Unusable, Outcome::Throttled].map(answer);
        let (lab, _, breaker) = scripted(steps, exact());
        lab.call().await;
        assert_eq!((fail_counter(&breaker).await, breaker.counts().failed), (1, 1));
    });
}

#[test]
fn a_failure_counts_at_its_own_position_not_after_a_later_success() {
    paused(async {
        let steps = [Outcome::ServerError, Outcome::Success, Outcome::Throttled].map(answer);
        let settings = Settings { max_attempts: 2, ..exact() };
        let (lab, _, breaker) = scripted(steps, settings);
        let good = async {
            pass(secs(0.5)).await;
            lab.call().await
        };
        let (failed, good) = futures::join!(lab.call(), good);
        assert_eq!(failed.result.unwrap().outcome, Outcome::Throttled);
        assert_eq!(good.result.unwrap().outcome, Outcome::Success);
        let counts = breaker.counts();
        assert_eq!((fail_counter(&breaker).await, counts.failed), (0, 1), "{counts:?}");
    });
}

#[test]
fn a_failure_counts_when_the_circuit_releases_its_call() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::ServerError)], exact());
        let opening = async {
            pass(secs(0.5)).await;
            fail(&breaker, 5).await;
        };
        let (released, ()) = futures::join!(lab.call(), opening);
        assert!(matches!(released.result, Err(CallError::Rejected(_))), "{released:?}");
        assert_eq!((breaker.counts().failed, breaker.counts().ignored), (6, 0));
    });
}

#[test]
fn status_404_is_a_success_and_501_a_failure_after_one_attempt() {
    paused(async {
        for (outcome, counter) in [(Outcome::ClientError, 0), (Outcome::Unsupported, 4)] {
            let (lab, _, breaker) = scripted([answer(outcome)], exact());
            fail(&breaker, 3).await;
            let report = lab.call().await;
            assert_eq!(report.attempts.len(), 1);
            assert_eq!(fail_counter(&breaker).await, counter, "{outcome:?}");
        }
    });
}

/// On the real clock, because a call takes some microseconds to its first attempt.
#[test]
fn a_deadline_of_one_attempt_does_not_hide_a_hanging_backend_from_the_breaker() {
    actix_rt::System::new().block_on(async {
        let (attempt_timeout, call_deadline) = (secs(0.05), secs(0.05));
        let settings = Settings { attempt_timeout, call_deadline, ..exact() };
        let (lab, _, breaker) = scripted([Step::Hang], settings);
        let report = lab.call().await;
        assert!(matches!(report.result, Err(CallError::TimedOut(_))), "{report:?}");
        assert_eq!(fail_counter(&breaker).await, 1);
    });
}
