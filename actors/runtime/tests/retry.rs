//! Calls through the retry scheduler, with the clock driven.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use std::time::Duration;

use resilience_actors::{BreakerScope, CallError, Outcome, State, Verdict};
use support::{
    Script, Settings, Step, answer, closed, exact, fail, fail_counter, lab, now, pass, paused,
    secs, settle,
};

#[test]
fn fail_fail_success_is_three_attempts_one_call_and_no_count() {
    paused(async {
        let script =
            Script::new([Outcome::ServerError, Outcome::ServerError, Outcome::Success].map(answer));
        let breaker = closed();
        let start = now();
        let report = lab(&script, exact(), &breaker).call().await;

        assert_eq!(report.result.unwrap().outcome, Outcome::Success);
        let outcomes: Vec<_> = report.attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [Outcome::ServerError, Outcome::ServerError, Outcome::Success]);
        let waits: Vec<_> = report.attempts.iter().map(|attempt| attempt.wait).collect();
        assert_eq!(waits, [Some(secs(1.0)), Some(secs(2.0)), None]);
        let at: Vec<_> = script.times().iter().map(|at| *at - start).collect();
        assert_eq!(at, [0.0, 1.0, 3.0].map(secs));
        assert_eq!(report.elapsed, secs(3.0));
        assert_eq!((breaker.state(), fail_counter(&breaker).await), (State::Closed, 0));
    });
}

#[test]
fn the_waits_of_a_call_lie_within_the_jitter() {
    paused(async {
        let script = Script::new([answer(Outcome::ServerError)]);
        let report = lab(&script, Settings::default(), &closed()).call().await;
        for (attempt, base) in report.attempts.iter().zip([1.0, 2.0, 4.0]) {
            let wait = attempt.wait.unwrap().as_secs_f64();
            // Timers are exact to a millisecond.
            assert!((base..=base * 1.1 + 0.001).contains(&wait), "{wait} after {base}");
        }
        assert_eq!(report.attempts.len(), 4);
    });
}

#[test]
fn a_call_that_fails_to_the_end_counts_once_and_is_answered_by_its_last_attempt() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let report = lab(&script, exact(), &breaker).call().await;
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!((report.attempts.len(), fail_counter(&breaker).await), (4, 1));
    });
}

#[test]
fn every_failed_attempt_counts_in_attempt_scope() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let settings = Settings { scope: BreakerScope::Attempt, ..exact() };
        lab(&script, settings, &breaker).call().await;
        assert_eq!(fail_counter(&breaker).await, 4);
    });
}

#[test]
fn an_attempt_that_did_not_reach_the_backend_is_repeated_at_once_on_a_fresh_connection() {
    paused(async {
        let unreachable = Step::Unreachable(secs(0.5));
        let script = Script::new([unreachable.clone(), unreachable, answer(Outcome::Success)]);
        let breaker = closed();
        let report = lab(&script, exact(), &breaker).call().await;
        assert!(report.result.is_ok());
        assert_eq!((report.attempts.len(), report.elapsed), (1, secs(1.0)));
        assert_eq!(script.repeats(), [0, 1, 2]);
        assert_eq!(fail_counter(&breaker).await, 0);
    });
}

#[test]
fn an_attempt_whose_time_goes_by_in_connecting_is_unreachable() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Unreachable(secs(2.0))]), closed());
        let lab = lab(&script, exact(), &breaker);
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
fn calls_without_protection_make_one_attempt_whatever_the_circuit_says() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Unreachable(Duration::ZERO)]), closed());
        let lab = lab(&script, exact(), &breaker);
        lab.call_bare().await;
        assert_eq!((script.touched(), fail_counter(&breaker).await), (1, 0));
        fail(&breaker, 5).await;
        lab.call_bare().await;
        assert_eq!(script.touched(), 2);
    });
}

/// On real threads, with the real clock; the waits are so long that only the opening ends them.
#[test]
fn the_deadline_bounds_waits_and_one_that_cannot_fit_is_not_begun() {
    paused(async {
        let script = Script::new([answer(Outcome::ServerError)]);
        let settings = Settings { call_deadline: secs(3.5), ..exact() };
        let report = lab(&script, settings, &closed()).call().await;
        // 0 s, 1 s, 3 s; the wait of 4 s would end behind the deadline.
        assert_eq!((report.attempts.len(), report.elapsed), (3, secs(3.0)));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!(report.attempts[2].wait, None);
    });
}

#[test]
fn an_attempt_that_the_deadline_cuts_short_says_nothing_about_the_backend() {
    paused(async {
        for second in [Step::Hang, Step::Unreachable(secs(2.5))] {
            let script = Script::new([answer(Outcome::Throttled), second]);
            let settings = Settings { call_deadline: secs(3.0), ..exact() };
            let breaker = closed();
            let report = lab(&script, settings, &breaker).call().await;
            assert!(matches!(report.result, Err(CallError::DeadlineExceeded(_))), "{report:?}");
            assert_eq!(report.attempts[1].outcome, Outcome::DeadlineExceeded);
            assert_eq!((report.elapsed, fail_counter(&breaker).await), (secs(3.0), 0));
        }
    });
}

#[test]
fn a_backend_that_hangs_times_each_attempt_out_and_counts_once() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let report = lab(&script, exact(), &breaker).call().await;
        assert!(matches!(report.result, Err(CallError::TimedOut(_))), "{report:?}");
        // Four timeouts of 3 s, and waits of 1, 2 and 4 s.
        assert_eq!((report.attempts.len(), report.elapsed), (4, secs(19.0)));
        assert_eq!(fail_counter(&breaker).await, 1);
    });
}

/// Case 24. The attempt that the deadline cuts short is neutral, and hides no attempt before it.
#[test]
fn a_backend_that_hangs_opens_the_circuit_whatever_deadline_attempts_and_timeout_are() {
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
                let (script, breaker) = (Script::new([Step::Hang]), closed());
                let lab = lab(&script, settings.clone(), &breaker);
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
                let breaker = closed();
                let script = Script::new([answer(failure), answer(neutral)]);
                let settings = Settings { max_attempts: 3, ..exact() };
                let report = lab(&script, settings, &breaker).call().await;
                assert_eq!(report.result.unwrap().outcome, neutral);
                assert_eq!((script.touched(), fail_counter(&breaker).await), (3, 1), "{neutral:?}");
            }
        }
    });
}

#[test]
fn a_failure_that_a_success_of_its_call_follows_counts_for_nothing() {
    paused(async {
        for success in [Outcome::Success, Outcome::ClientError] {
            let steps = [Outcome::ServerError, Outcome::Throttled, success].map(answer);
            let (script, breaker) = (Script::new(steps), closed());
            fail(&breaker, 3).await;
            lab(&script, exact(), &breaker).call().await;
            let counts = breaker.counts();
            assert_eq!((fail_counter(&breaker).await, counts.failed), (0, 3), "{counts:?}");
        }
    });
}

#[test]
fn a_call_with_several_failures_counts_once() {
    paused(async {
        let steps = [Outcome::ServerError, Outcome::Unusable, Outcome::Throttled].map(answer);
        let (script, breaker) = (Script::new(steps), closed());
        lab(&script, exact(), &breaker).call().await;
        assert_eq!((fail_counter(&breaker).await, breaker.counts().failed), (1, 1));
    });
}

#[test]
fn a_failure_counts_where_it_happened_and_not_behind_the_success_of_another_call() {
    paused(async {
        let steps = [Outcome::ServerError, Outcome::Success, Outcome::Throttled].map(answer);
        let (script, breaker) = (Script::new(steps), closed());
        let settings = Settings { max_attempts: 2, ..exact() };
        let lab = lab(&script, settings, &breaker);
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
fn a_failure_counts_when_the_circuit_turns_its_retry_away() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let lab = lab(&script, exact(), &breaker);
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
fn a_retry_of_what_may_be_a_dead_connection_uses_a_fresh_one() {
    paused(async {
        for (first, fresh) in [
            (Step::Hang, true),
            (answer(Outcome::Transient), true),
            (answer(Outcome::Unreachable), true),
            (answer(Outcome::ServerError), false),
            (answer(Outcome::Throttled), false),
            (answer(Outcome::Unusable), false),
        ] {
            let script = Script::new([first.clone(), answer(Outcome::Success)]);
            let settings = Settings { connect_retries: 0, ..exact() };
            lab(&script, settings, &closed()).call().await;
            assert_eq!(script.fresh_connections(), [false, fresh], "after {first:?}");
        }
    });
}

#[test]
fn repeats_and_trials_use_fresh_connections() {
    paused(async {
        let steps = [Step::Unreachable(Duration::ZERO), answer(Outcome::Success)];
        let (script, breaker) = (Script::new(steps), closed());
        let lab = lab(&script, exact(), &breaker);
        lab.call().await;
        assert_eq!(script.fresh_connections(), [false, true]);
        fail(&breaker, 5).await;
        pass(secs(30.0)).await;
        lab.call().await;
        lab.call().await;
        assert_eq!(script.fresh_connections(), [false, true, true, false]);
    });
}

#[test]
fn a_throttled_call_waits_at_least_retry_after_and_leaves_the_count_alone() {
    paused(async {
        let throttled =
            Verdict { outcome: Outcome::Throttled, code: Some(429), retry_after: Some(secs(15.0)) };
        let script = Script::new([Step::Answer(throttled), answer(Outcome::Success)]);
        let breaker = closed();
        fail(&breaker, 3).await;
        let lab = lab(&script, Settings::default(), &breaker);
        let half_way = async {
            pass(secs(5.0)).await;
            fail_counter(&breaker).await
        };
        let (report, counter) = futures::join!(lab.call(), half_way);
        assert_eq!(counter, 3, "the 429 itself is neutral");
        assert!((15.0..=16.501).contains(&report.elapsed.as_secs_f64()), "{:?}", report.elapsed);
        assert_eq!(report.result.unwrap().outcome, Outcome::Success);
    });
}

#[test]
fn not_found_and_not_implemented_are_one_attempt_a_success_and_a_failure() {
    paused(async {
        for (outcome, counter) in [(Outcome::ClientError, 0), (Outcome::Unsupported, 4)] {
            let (script, breaker) = (Script::new([answer(outcome)]), closed());
            fail(&breaker, 3).await;
            let report = lab(&script, exact(), &breaker).call().await;
            assert_eq!(report.attempts.len(), 1);
            assert_eq!(fail_counter(&breaker).await, counter, "{outcome:?}");
        }
    });
}

#[test]
fn an_attempt_that_reaches_a_hanging_backend_after_a_stale_connection_is_a_timeout() {
    paused(async {
        let (script, breaker) =
            (Script::new([Step::Unreachable(Duration::ZERO), Step::Hang]), closed());
        let lab = lab(&script, exact(), &breaker);
        let report = lab.call_once().await;
        assert!(matches!(report.result, Err(CallError::TimedOut(_))), "{report:?}");
        assert_eq!(script.touched(), 2);
    });
}

/// On the real clock: a call needs some microseconds to get to its first attempt.
#[test]
fn a_deadline_of_one_attempt_does_not_hide_a_hanging_backend_from_the_breaker() {
    actix_rt::System::new().block_on(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let (attempt_timeout, call_deadline) = (secs(0.05), secs(0.05));
        let settings = Settings { attempt_timeout, call_deadline, ..exact() };
        let report = lab(&script, settings, &breaker).call().await;
        assert!(matches!(report.result, Err(CallError::TimedOut(_))), "{report:?}");
        assert_eq!(fail_counter(&breaker).await, 1);
    });
}

/// On the real clock, since it is the runtime that is late: its thread is held.
#[test]
fn a_call_whose_timer_comes_behind_its_deadline_ends_with_what_it_has() {
    actix_rt::System::new().block_on(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let settings = Settings {
            base_delay: secs(0.2),
            attempt_timeout: secs(0.3),
            call_deadline: secs(0.4),
            ..exact()
        };
        let lab = lab(&script, settings, &breaker);
        let hold = async {
            while lab.limit.waiting() < 2 {
                settle().await;
            }
            std::thread::sleep(secs(0.6));
        };
        fail(&breaker, 3).await;
        // The second of the two failures opens the circuit, and its call says so.
        let calls = futures::future::join_all([(); 2].map(|()| lab.call()));
        let (reports, ()) = futures::join!(calls, hold);
        let states: Vec<_> = reports.iter().map(|report| report.state).collect();
        for report in reports {
            assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        }
        assert_eq!((script.touched(), fail_counter(&breaker).await), (2, 5));
        assert!(states.contains(&State::Open), "{states:?}");
    });
}

/// On the real clock, since a busy thread is what this is about: its timers are late, and its
/// mailbox is drained before them.
#[test]
fn what_is_due_is_begun_at_the_next_message_before_what_the_message_asks_for() {
    actix_rt::System::new().block_on(async {
        let first = answer(Outcome::ServerError);
        let (script, breaker) = (Script::new([first, answer(Outcome::Success)]), closed());
        let settings = Settings { base_delay: secs(0.02), ..exact() };
        let lab = lab(&script, settings, &breaker);
        let waiting = lab.call();
        let second = async {
            while lab.limit.waiting() == 0 {
                settle().await;
            }
            std::thread::sleep(secs(0.04));
            lab.call().await
        };
        let (waited, second) = futures::join!(waiting, second);
        let calls: Vec<_> = script.calls();
        assert_eq!(calls, [waited.id, waited.id, second.id]);
    });
}
