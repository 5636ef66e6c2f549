//! A further attempt beside one that takes long.

use std::time::Duration;

use resilience_actors::{
    BreakerSettings, CallOptions, CallReport, Concurrency, Hedge, Outcome, State, Verdict,
};

use crate::support::{
    Lab, NoAnswer, Script, Settings, Step, abandon, answer, breaker, closed, exact, fail_counter,
    lab, pass, paused, scripted, secs, settle,
};

fn hedged(hedge: Hedge) -> Settings {
    Settings { hedge: Some(hedge), ..exact() }
}

fn after(seconds: f64) -> Settings {
    hedged(Hedge::after(secs(seconds)))
}

fn ends(seconds: f64, outcome: Outcome) -> Step {
    Step::AnswerAfter(secs(seconds), outcome.into())
}

/// Number, hedge and outcome of each attempt.
fn attempts(report: &CallReport<Verdict, NoAnswer>) -> Vec<(u32, bool, Outcome)> {
    let attempts = report.attempts.iter();
    attempts.map(|attempt| (attempt.number, attempt.hedge, attempt.outcome)).collect()
}

#[track_caller]
fn assert_took(took: Duration, seconds: f64) {
    assert!((seconds..seconds + 0.01).contains(&took.as_secs_f64()), "{took:?}");
}

#[test]
fn the_first_good_answer_wins_and_the_other_attempt_is_cancelled_and_neutral() {
    paused(async {
        let steps = [ends(1.0, Outcome::Success), ends(0.1, Outcome::Success)];
        let (lab, script, breaker) = scripted(steps, after(0.2));
        let report = lab.call().await;
        assert_took(report.elapsed, 0.3);
        let expected = [(1, false, Outcome::Cancelled), (1, true, Outcome::Success)];
        assert_eq!(attempts(&report), expected);
        pass(secs(2.0)).await;
        let counts = breaker.counts();
        assert_eq!((counts.successful, counts.failed, counts.ignored), (1, 0, 1));
        assert_eq!((script.touched(), lab.limit.in_use()), (2, 0));
    });
}

#[test]
fn an_answer_within_the_delay_makes_no_hedge() {
    paused(async {
        let (lab, script, _) = scripted([ends(0.1, Outcome::Success)], after(0.2));
        assert_eq!(attempts(&lab.call().await), [(1, false, Outcome::Success)]);
        assert_eq!(script.touched(), 1);
    });
}

#[test]
fn an_attempt_that_answers_before_its_hedge_wins() {
    paused(async {
        let steps = [ends(0.3, Outcome::Success), ends(1.0, Outcome::Success)];
        let (lab, ..) = scripted(steps, after(0.2));
        let report = lab.call().await;
        assert_took(report.elapsed, 0.3);
        let expected = [(1, true, Outcome::Cancelled), (1, false, Outcome::Success)];
        assert_eq!(attempts(&report), expected);
    });
}

#[test]
fn a_failure_waits_for_the_other_attempt_which_repairs_it() {
    paused(async {
        let steps = [ends(0.3, Outcome::ServerError), ends(0.5, Outcome::Success)];
        let (lab, _, breaker) = scripted(steps, after(0.2));
        let report = lab.call().await;
        assert_took(report.elapsed, 0.7);
        let expected = [(1, false, Outcome::ServerError), (1, true, Outcome::Success)];
        assert_eq!(attempts(&report), expected);
        assert_eq!((breaker.counts().failed, fail_counter(&breaker).await), (0, 0));
    });
}

#[test]
fn two_failures_are_one_attempt_to_the_retries_and_one_failure_of_the_call() {
    paused(async {
        let failed = |seconds| ends(seconds, Outcome::ServerError);
        let steps = [failed(0.3), failed(0.3), ends(0.0, Outcome::Success)];
        let (lab, _, breaker) = scripted(steps, after(0.2));
        let report = lab.call().await;
        let expected = [
            (1, false, Outcome::ServerError),
            (1, true, Outcome::ServerError),
            (2, false, Outcome::Success),
        ];
        assert_eq!(attempts(&report), expected);
        // The wait follows the second failure, and is that after a first attempt.
        assert_took(report.elapsed, 0.5 + 1.0);
        assert_eq!(breaker.counts().failed, 0);
        let once = Settings { max_attempts: 1, ..after(0.2) };
        let (once, _, breaker) = scripted([failed(0.3)], once);
        once.call().await;
        settle().await;
        assert_eq!(breaker.counts().failed, 1);
    });
}

#[test]
fn further_hedges_follow_a_delay_after_the_one_before_up_to_the_maximum() {
    paused(async {
        let rules = hedged(Hedge::after(secs(0.2)).at_most(2));
        let (lab, script, _) = scripted([ends(1.0, Outcome::Success)], rules);
        let report = lab.call().await;
        assert_eq!((script.touched(), report.attempts.len()), (3, 3));
        let waits: Vec<_> = script.times().windows(2).map(|two| two[1] - two[0]).collect();
        waits.into_iter().for_each(|wait| assert_took(wait, 0.2));
    });
}

#[test]
fn a_hedge_takes_a_place_of_its_own_or_is_not_made() {
    paused(async {
        let rules = Settings { concurrency: Some(Concurrency::at_most(1).queue(9)), ..after(0.2) };
        let (lab, script, breaker) = scripted([ends(1.0, Outcome::Success)], rules);
        assert_eq!(attempts(&lab.call().await), [(1, false, Outcome::Success)]);
        assert_eq!((script.touched(), breaker.counts().ignored), (1, 0));
    });
}

#[test]
fn a_call_that_must_not_be_repeated_and_a_trial_are_not_hedged() {
    paused(async {
        let slow = [ends(1.0, Outcome::Success)];
        let script = Script::new(slow.clone()).not_idempotent();
        lab(&script, after(0.2), &closed()).call().await;
        assert_eq!(script.touched(), 1);
        let panics = Script::new(slow).with_panicking_idempotency();
        assert!(lab(&panics, after(0.2), &closed()).call().await.result.is_err());

        let breaker = breaker(BreakerSettings { fail_max: 1, ..Default::default() });
        let steps = [answer(Outcome::Unsupported), ends(1.0, Outcome::Success)];
        let script = Script::new(steps);
        let lab = lab(&script, after(0.2), &breaker);
        lab.call().await;
        pass(secs(30.0)).await;
        assert_eq!(breaker.state(), State::HalfOpen);
        assert_eq!(attempts(&lab.call().await), [(1, false, Outcome::Success)]);
        assert_eq!(script.touched(), 2);
    });
}

#[test]
fn no_hedge_is_made_for_a_caller_that_has_left_nor_for_a_call_without_retries() {
    paused(async {
        let (lab, script, _) = scripted([ends(1.0, Outcome::Success)], after(0.2));
        abandon(lab.call(), secs(0.1)).await;
        pass(secs(2.0)).await;
        assert_eq!(script.touched(), 1);
        lab.call_once().await;
        assert_eq!(script.touched(), 2);
    });
}

#[test]
fn no_hedge_is_made_when_the_time_of_the_call_is_over() {
    paused(async {
        // Timers have a resolution of a millisecond, so both instants are seen at once.
        for time in [0.1995, 0.2] {
            let (lab, script, _) = scripted([Step::Hang], after(0.1994));
            let hurried = CallOptions::new().time_left(secs(time));
            let report = lab.protected.run_with(hurried, script.clone()).await;
            assert_eq!(attempts(&report), [(1, false, Outcome::DeadlineExceeded)], "{time}");
            assert_eq!(script.touched(), 1);
        }
    });
}

#[test]
fn the_longest_retry_after_of_a_turn_is_the_minimum_of_the_wait() {
    paused(async {
        let busy = Verdict { retry_after: Some(secs(5.0)), ..Outcome::ServerError.into() };
        let steps = [
            Step::AnswerAfter(secs(0.3), busy),
            ends(0.3, Outcome::ServerError),
            ends(0.0, Outcome::Success),
        ];
        let (lab, ..) = scripted(steps, after(0.2));
        assert_took(lab.call().await.elapsed, 0.5 + 5.0);
    });
}

#[test]
fn no_hedge_is_made_once_the_circuit_is_open() {
    paused(async {
        let (lab, script, breaker) = scripted([ends(1.0, Outcome::Success)], after(0.2));
        let opening = async {
            pass(secs(0.1)).await;
            crate::support::fail(&breaker, 5).await;
        };
        let (report, ()) = futures::join!(lab.call(), opening);
        assert!(report.result.is_ok());
        assert_eq!(script.touched(), 1);
    });
}

#[test]
fn a_percentile_is_measured_and_stays_where_it_is_although_its_losers_are_cancelled() {
    paused(async {
        let mut steps = vec![ends(0.1, Outcome::Success); 20];
        let slow = [ends(2.0, Outcome::Success), ends(0.1, Outcome::Success)];
        steps.extend([slow.clone(), slow].concat());
        let (lab, script, _) = scripted(steps, hedged(Hedge::after_percentile(0.9)));
        let one = |lab: Lab<Script>| async move { lab.call().await.elapsed };
        for call in 0..20 {
            assert_took(one(lab.clone()).await, 0.1);
            assert_eq!(
                script.touched(),
                call + 1,
                "no percentile is known yet, or no call exceeds it"
            );
        }
        for _ in 0..2 {
            let took = one(lab.clone()).await.as_secs_f64();
            assert!((0.2..0.23).contains(&took), "{took}");
        }
    });
}

#[test]
fn a_panic_of_a_hedge_costs_the_call_nothing() {
    paused(async {
        let (lab, ..) = scripted([ends(0.5, Outcome::Success), Step::Panic], after(0.2));
        let report = lab.call().await;
        assert!(report.result.is_ok(), "{report:?}");
        let expected = [(1, true, Outcome::Panicked), (1, false, Outcome::Success)];
        assert_eq!(attempts(&report), expected);
    });
}
