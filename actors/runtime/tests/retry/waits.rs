//! When a call is retried, and when it ends.

use resilience_actors::{Backoff, JitterMode, Outcome, State, Verdict};

use crate::support::{
    Settings, Step, answer, exact, fail, fail_counter, now, pass, paused, scripted, secs, settle,
};

#[test]
fn two_failures_then_a_success_are_three_attempts_and_count_no_failure() {
    paused(async {
        let (lab, script, breaker) = scripted(
            [Outcome::ServerError, Outcome::ServerError, Outcome::Success].map(answer),
            exact(),
        );
        let start = now();
        let report = lab.call().await;

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
        let (lab, _, _) = scripted([answer(Outcome::ServerError)], Settings::default());
        let report = lab.call().await;
        for (attempt, base) in report.attempts.iter().zip([1.0, 2.0, 4.0]) {
            let wait = attempt.wait.unwrap().as_secs_f64();
            // Timers are exact to a millisecond.
            assert!((base..=base * 1.1 + 0.001).contains(&wait), "{wait} after {base}");
        }
        assert_eq!(report.attempts.len(), 4);
    });
}

#[test]
fn linear_and_constant_waits_are_those_of_the_setting() {
    paused(async {
        for (backoff, expected) in
            [(Backoff::Linear, [1.0, 2.0, 3.0]), (Backoff::Constant, [1.0; 3])]
        {
            let (lab, _, _) =
                scripted([answer(Outcome::ServerError)], Settings { backoff, ..exact() });
            let report = lab.call().await;
            let waits: Vec<_> = report.attempts.iter().filter_map(|attempt| attempt.wait).collect();
            assert_eq!(waits, expected.map(secs), "{backoff:?}");
        }
    });
}

#[test]
fn decorrelated_waits_follow_from_the_wait_before() {
    paused(async {
        let settings = Settings {
            max_attempts: 1_000,
            max_delay: secs(100.0),
            call_deadline: secs(100_000.0),
            jitter_mode: JitterMode::Decorrelated,
            ..exact()
        };
        let throttled = answer(Outcome::Throttled);
        let (lab, _, _) = scripted([throttled], settings);
        let report = lab.call().await;
        let waits: Vec<_> = report
            .attempts
            .iter()
            .filter_map(|attempt| attempt.wait?.as_secs_f64().into())
            .collect();
        assert_eq!(waits.len(), 999);
        let mut previous = 1.0;
        for &wait in &waits {
            let longest = (3.0_f64 * previous).min(100.0);
            // Timers are exact to a millisecond.
            assert!((1.0..=longest + 0.001).contains(&wait), "{wait} after {previous}");
            previous = wait;
        }
        assert!(waits.iter().any(|wait| *wait > 50.0), "the waits grow");
    });
}

#[test]
fn a_wait_that_would_pass_the_deadline_is_not_started() {
    paused(async {
        let settings = Settings { call_deadline: secs(3.5), ..exact() };
        let (lab, _, _) = scripted([answer(Outcome::ServerError)], settings);
        let report = lab.call().await;
        // 0 s, 1 s, 3 s; the wait of 4 s would end after the deadline.
        assert_eq!((report.attempts.len(), report.elapsed), (3, secs(3.0)));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!(report.attempts[2].wait, None);
    });
}

#[test]
fn a_throttled_call_waits_at_least_retry_after_and_leaves_the_count_alone() {
    paused(async {
        let throttled = Verdict { retry_after: Some(secs(15.0)), ..Outcome::Throttled.into() };
        let (lab, _, breaker) =
            scripted([Step::Answer(throttled), answer(Outcome::Success)], Settings::default());
        fail(&breaker, 3).await;
        let half_way = async {
            pass(secs(5.0)).await;
            fail_counter(&breaker).await
        };
        let (report, counter) = futures::join!(lab.call(), half_way);
        assert_eq!(counter, 3, "a throttled attempt is neutral");
        assert!((15.0..=16.501).contains(&report.elapsed.as_secs_f64()), "{:?}", report.elapsed);
        assert_eq!(report.result.unwrap().outcome, Outcome::Success);
    });
}

/// On the real clock, with the thread blocked so that the timer is late.
#[test]
fn a_call_whose_retry_timer_fires_after_its_deadline_ends_with_its_last_attempt() {
    actix_rt::System::new().block_on(async {
        let settings = Settings {
            base_delay: secs(0.2),
            attempt_timeout: secs(0.3),
            call_deadline: secs(0.4),
            ..exact()
        };
        let (lab, script, breaker) = scripted([answer(Outcome::ServerError)], settings);
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

/// On the real clock, with the thread blocked: the timer is late, and actix drains the mailbox before it runs timers.
#[test]
fn a_due_retry_begins_at_the_next_message_before_the_messages_own_call() {
    actix_rt::System::new().block_on(async {
        let first = answer(Outcome::ServerError);
        let settings = Settings { base_delay: secs(0.02), ..exact() };
        let (lab, script, _) = scripted([first, answer(Outcome::Success)], settings);
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
