//! Calls through the retry scheduler, with the clock driven.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use rand::{SeedableRng, rngs::SmallRng};
use resilience_actors::{
    Attempt, Breaker, BreakerConfig, BreakerScope, BreakerSettings, CallError, CallLimit, Outcome,
    Protection, Rejection, RetryConfig, RetrySettings, Scheduler, State, Transport, Verdict,
};
use support::{NoAnswer, Script, Step, answer, breaker, fail, now, pass, paused, scheduler, secs};

fn exact() -> RetrySettings {
    RetrySettings { jitter: 0.0, ..Default::default() }
}

fn closed() -> Breaker {
    breaker(BreakerSettings::default())
}

async fn fail_counter(breaker: &Breaker) -> u32 {
    breaker.inspect().await.unwrap().fail_counter
}

#[test]
fn fail_fail_success_is_three_attempts_one_call_and_no_count() {
    paused(async {
        let script =
            Script::new([Outcome::ServerError, Outcome::ServerError, Outcome::Success].map(answer));
        let breaker = closed();
        let start = now();
        let report = scheduler(&script, exact(), &breaker).call((), Protection::Full).await;

        assert_eq!(report.result.unwrap().outcome, Outcome::Success);
        let outcomes: Vec<_> = report.attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [Outcome::ServerError, Outcome::ServerError, Outcome::Success]);
        let waits: Vec<_> = report.attempts.iter().map(|attempt| attempt.wait).collect();
        assert_eq!(waits, [Some(secs(1.0)), Some(secs(2.0)), None]);
        let at: Vec<_> = script.seen().iter().map(|(at, _)| *at - start).collect();
        assert_eq!(at, [0.0, 1.0, 3.0].map(secs));
        assert_eq!(report.elapsed, secs(3.0));
        assert_eq!((breaker.state(), fail_counter(&breaker).await), (State::Closed, 0));
    });
}

#[test]
fn the_waits_of_a_call_lie_within_the_jitter() {
    paused(async {
        let script = Script::new([answer(Outcome::ServerError)]);
        let report = scheduler(&script, RetrySettings::default(), &closed())
            .call((), Protection::Full)
            .await;
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
        let report = scheduler(&script, exact(), &breaker).call((), Protection::Full).await;
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!((report.attempts.len(), fail_counter(&breaker).await), (4, 1));
    });
}

#[test]
fn every_failed_attempt_counts_in_attempt_scope() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let settings = RetrySettings { scope: BreakerScope::Attempt, ..exact() };
        scheduler(&script, settings, &breaker).call((), Protection::Full).await;
        assert_eq!(fail_counter(&breaker).await, 4);
    });
}

#[test]
fn five_calls_without_retries_open_and_the_sixth_does_not_touch_the_backend() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);
        for call in 1..=5 {
            let report = scheduler.call((), Protection::BreakerOnly).await;
            assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
            let expected = if call < 5 { State::Closed } else { State::Open };
            assert_eq!(report.state, expected, "the state after the call's own report");
        }
        let report = scheduler.call((), Protection::Full).await;
        let Err(CallError::Rejected(Rejection::CircuitOpen { retry_after })) = report.result else {
            panic!("{report:?}")
        };
        assert!((30.0..=33.0).contains(&retry_after.as_secs_f64()), "{retry_after:?}");
        assert_eq!((script.touched(), report.attempts.len()), (5, 0));
    });
}

#[test]
fn rejected_callers_are_told_to_come_back_at_different_times() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::Success)]), closed());
        fail(&breaker, 5).await;
        let scheduler = scheduler(&script, exact(), &breaker);
        let mut times = Vec::new();
        for _ in 0..100 {
            match scheduler.call((), Protection::Full).await.result {
                Err(CallError::Rejected(rejection)) => times.push(rejection.retry_after()),
                other => panic!("{other:?}"),
            }
        }
        times.sort_unstable();
        assert!(times[99] - times[0] > secs(2.0), "{:?} to {:?}", times[0], times[99]);
    });
}

#[test]
fn a_dead_backend_opens_the_breaker_within_the_second_call() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Unreachable(Duration::ZERO)]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);

        let first = scheduler.call((), Protection::Full).await;
        assert!(matches!(first.result, Err(CallError::Transport(NoAnswer))));
        assert_eq!((first.attempts.len(), fail_counter(&breaker).await), (4, 4));
        assert_eq!(script.touched(), 4 * 3, "each attempt is repeated twice, at once");

        let second = scheduler.call((), Protection::Full).await;
        assert!(matches!(second.result, Err(CallError::Transport(NoAnswer))));
        assert_eq!((second.attempts.len(), second.state), (1, State::Open));
        assert_eq!(second.elapsed, Duration::ZERO, "nobody waits on an open circuit");
    });
}

#[test]
fn an_attempt_that_did_not_reach_the_backend_is_repeated_at_once_on_a_fresh_connection() {
    paused(async {
        let unreachable = Step::Unreachable(secs(0.5));
        let script = Script::new([unreachable.clone(), unreachable, answer(Outcome::Success)]);
        let breaker = closed();
        let report = scheduler(&script, exact(), &breaker).call((), Protection::Full).await;
        assert!(report.result.is_ok());
        assert_eq!((report.attempts.len(), report.elapsed), (1, secs(1.0)));
        let repeats: Vec<_> = script.seen().iter().map(|(_, attempt)| attempt.repeat).collect();
        assert_eq!(repeats, [0, 1, 2]);
        assert_eq!(fail_counter(&breaker).await, 0);
    });
}

#[test]
fn an_attempt_whose_time_goes_by_in_connecting_is_unreachable() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Unreachable(secs(2.0))]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);
        let report = scheduler.call((), Protection::BreakerOnly).await;
        assert!(matches!(report.result, Err(CallError::Transport(NoAnswer))));
        assert_eq!(report.attempts[0].outcome, Outcome::Unreachable);
        assert_eq!(report.elapsed, secs(3.0), "within the attempt's timeout");
    });
}

#[test]
fn a_request_that_is_not_idempotent_is_neither_retried_nor_repeated() {
    paused(async {
        for step in [answer(Outcome::ServerError), Step::Unreachable(Duration::ZERO)] {
            let script = Script::new([step]).not_idempotent();
            let report = scheduler(&script, exact(), &closed()).call((), Protection::Full).await;
            assert_eq!((report.attempts.len(), script.touched()), (1, 1));
        }
    });
}

#[test]
fn calls_without_protection_make_one_attempt_whatever_the_circuit_says() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Unreachable(Duration::ZERO)]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);
        scheduler.call((), Protection::None).await;
        assert_eq!((script.touched(), fail_counter(&breaker).await), (1, 0));
        fail(&breaker, 5).await;
        scheduler.call((), Protection::None).await;
        assert_eq!(script.touched(), 2);
    });
}

#[test]
fn the_breaker_opens_while_calls_wait_and_all_are_answered_at_once() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);
        let start = now();
        let calls = (0..50).map(|_| scheduler.call((), Protection::Full));
        let opening = async {
            pass(secs(0.5)).await;
            assert_eq!(scheduler.limit().waiting(), 50);
            fail(&breaker, 5).await;
        };
        let (reports, ()) = futures::join!(join_all(calls), opening);
        for report in reports {
            let released = matches!(
                report.result,
                Err(CallError::Rejected(Rejection::Released { retry_after }))
                    if (30.0..=33.0).contains(&retry_after.as_secs_f64())
            );
            assert!(released, "{report:?}");
            assert_eq!(report.elapsed, secs(0.5));
            assert_eq!(report.attempts[0].wait, Some(secs(0.5)));
        }
        assert_eq!(now() - start, secs(0.5));
        assert_eq!((script.touched(), scheduler.limit().in_use()), (50, 0));
        assert_eq!(scheduler.limit().waiting(), 0);
    });
}

/// Counts attempts on all threads; each says 500.
#[derive(Clone)]
struct Failing(Arc<AtomicUsize>);

impl Transport for Failing {
    type Request = ();
    type Response = ();
    type Error = NoAnswer;

    async fn attempt(&self, (): &(), _: Attempt) -> Result<(), NoAnswer> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn classify(&self, _: &Result<(), NoAnswer>) -> Verdict {
        Outcome::ServerError.into()
    }

    fn is_idempotent(&self, (): &()) -> bool {
        true
    }
}

/// On real threads, with the real clock; the waits are so long that only the opening ends them.
#[test]
fn the_breaker_opens_and_the_calls_of_every_worker_are_answered_at_once() {
    const WORKERS: usize = 3;
    const CALLS: usize = 40;
    actix_rt::System::new().block_on(async {
        let home = actix_rt::Arbiter::new();
        let breaker = Breaker::start_on(BreakerConfig::default(), &home.handle());
        let (limit, touched) = (CallLimit::new(1_000), Arc::new(AtomicUsize::new(0)));
        let hours = Duration::from_secs(3_600);
        let settings = RetrySettings {
            base_delay: hours,
            max_delay: hours,
            call_deadline: hours * 24,
            ..Default::default()
        };
        let config = RetryConfig::try_from(settings).unwrap();
        let workers: Vec<_> = (0..WORKERS).map(|_| actix_rt::Arbiter::new()).collect();
        let mut answers = Vec::new();
        for worker in &workers {
            let (tell, told) = tokio::sync::oneshot::channel();
            let (transport, config) = (Failing(touched.clone()), config.clone());
            let (breaker, limit) = (breaker.clone(), limit.clone());
            worker.spawn(async move {
                let rng = SmallRng::seed_from_u64(1);
                let scheduler = Scheduler::start(transport, config, breaker, limit, rng);
                let calls = (0..CALLS).map(|_| scheduler.call((), Protection::Full));
                tell.send(join_all(calls).await).unwrap();
            });
            answers.push(told);
        }
        while limit.waiting() < WORKERS * CALLS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        fail(&breaker, 5).await;
        for answers in answers {
            for report in answers.await.unwrap() {
                assert!(
                    matches!(report.result, Err(CallError::Rejected(Rejection::Released { .. }))),
                    "{report:?}"
                );
            }
        }
        assert_eq!(touched.load(Ordering::SeqCst), WORKERS * CALLS, "one attempt each");
        assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
    });
}

#[test]
fn an_attempt_that_ends_after_the_opening_answers_its_call_without_a_wait() {
    paused(async {
        let slow = Step::AnswerAfter(secs(1.0), Outcome::ServerError.into());
        let (script, breaker) = (Script::new([slow]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);
        let (report, ()) = futures::join!(scheduler.call((), Protection::Full), fail(&breaker, 5));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!((report.elapsed, report.state), (secs(1.0), State::Open));
    });
}

#[test]
fn the_deadline_bounds_waits_and_one_that_cannot_fit_is_not_begun() {
    paused(async {
        let script = Script::new([answer(Outcome::ServerError)]);
        let settings = RetrySettings { call_deadline: secs(3.5), ..exact() };
        let report = scheduler(&script, settings, &closed()).call((), Protection::Full).await;
        // 0 s, 1 s, 3 s; the wait of 4 s would end behind the deadline.
        assert_eq!((report.attempts.len(), report.elapsed), (3, secs(3.0)));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!(report.attempts[2].wait, None);
    });
}

#[test]
fn an_attempt_that_the_deadline_cuts_short_says_nothing_about_the_backend() {
    paused(async {
        let script = Script::new([answer(Outcome::ServerError), Step::Hang]);
        let settings = RetrySettings { call_deadline: secs(3.0), ..exact() };
        let breaker = closed();
        let report = scheduler(&script, settings, &breaker).call((), Protection::Full).await;
        assert!(matches!(report.result, Err(CallError::DeadlineExceeded(_))), "{report:?}");
        assert_eq!(report.attempts[1].outcome, Outcome::DeadlineExceeded);
        assert_eq!((report.elapsed, fail_counter(&breaker).await), (secs(3.0), 0));
    });
}

#[test]
fn a_backend_that_hangs_times_each_attempt_out_and_counts_once() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let report = scheduler(&script, exact(), &breaker).call((), Protection::Full).await;
        assert!(matches!(report.result, Err(CallError::TimedOut(_))), "{report:?}");
        // Four timeouts of 3 s, and waits of 1, 2 and 4 s.
        assert_eq!((report.attempts.len(), report.elapsed), (4, secs(19.0)));
        assert_eq!(fail_counter(&breaker).await, 1);
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
        let scheduler = scheduler(&script, RetrySettings::default(), &breaker);
        let half_way = async {
            pass(secs(5.0)).await;
            fail_counter(&breaker).await
        };
        let (report, counter) = futures::join!(scheduler.call((), Protection::Full), half_way);
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
            let report = scheduler(&script, exact(), &breaker).call((), Protection::Full).await;
            assert_eq!(report.attempts.len(), 1);
            assert_eq!(fail_counter(&breaker).await, counter, "{outcome:?}");
        }
    });
}

#[test]
fn a_caller_who_leaves_during_a_wait_ends_the_call_and_its_failure_counts() {
    paused(async {
        let (script, breaker) = (Script::new([answer(Outcome::ServerError)]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);
        let patience = tokio::time::timeout(secs(0.5), scheduler.call((), Protection::Full));
        assert!(patience.await.is_err());
        pass(secs(0.0)).await;
        assert_eq!((scheduler.limit().in_use(), scheduler.limit().waiting()), (0, 0));
        assert_eq!(fail_counter(&breaker).await, 1);
        pass(secs(60.0)).await;
        assert_eq!(script.touched(), 1);
    });
}

#[test]
fn a_caller_who_leaves_during_an_attempt_does_not_hide_it_from_the_breaker() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let scheduler = scheduler(&script, exact(), &breaker);
        for left in 1..=5 {
            let patience = tokio::time::timeout(secs(0.5), scheduler.call((), Protection::Full));
            assert!(patience.await.is_err());
            assert_eq!(scheduler.limit().in_use(), 1, "the attempt keeps its place");
            pass(secs(2.6)).await;
            assert_eq!((script.touched(), scheduler.limit().in_use()), (left, 0));
        }
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn a_trial_is_one_attempt_and_its_outcome_is_the_answer() {
    paused(async {
        for (outcome, state) in [
            (Outcome::Success, State::Closed),
            (Outcome::ServerError, State::Open),
            (Outcome::Throttled, State::HalfOpen),
        ] {
            let (script, breaker) = (Script::new([answer(outcome)]), closed());
            fail(&breaker, 5).await;
            pass(secs(30.0)).await;
            let report = scheduler(&script, exact(), &breaker).call((), Protection::Full).await;
            assert_eq!(report.result.unwrap().outcome, outcome);
            assert_eq!((report.attempts.len(), report.state), (1, state));
        }
    });
}

#[test]
fn calls_beyond_the_limit_are_turned_away_at_once_and_do_not_count() {
    paused(async {
        let (script, breaker) = (Script::new([Step::Hang]), closed());
        let scheduler = Scheduler::start(
            script.clone(),
            RetryConfig::default(),
            breaker.clone(),
            CallLimit::new(2),
            SmallRng::seed_from_u64(1),
        );
        let call = |protection| scheduler.call((), protection);
        let (_, _, third) = futures::join!(call(Protection::Full), call(Protection::None), async {
            call(Protection::Full).await
        });
        let Err(CallError::Rejected(rejection)) = third.result else { panic!("{third:?}") };
        assert_eq!(rejection, Rejection::Overloaded { retry_after: secs(1.0) });
        assert_eq!(third.elapsed, Duration::ZERO);
    });
}

#[test]
fn a_panic_in_an_attempt_fails_that_call_only_and_gives_its_permit_back() {
    paused(async {
        let script = Script::new([Step::Panic, answer(Outcome::Success)]);
        let breaker = closed();
        fail(&breaker, 5).await;
        pass(secs(30.0)).await;
        let scheduler = scheduler(&script, exact(), &breaker);

        let report = scheduler.call((), Protection::Full).await;
        assert!(matches!(report.result, Err(CallError::Panicked)), "{report:?}");
        assert_eq!(report.state, State::Open, "the trial failed");
        assert_eq!(scheduler.limit().in_use(), 0);

        pass(secs(30.0)).await;
        let report = scheduler.call((), Protection::Full).await;
        assert!(report.result.is_ok());
        assert_eq!(report.state, State::Closed);
    });
}

#[test]
fn a_hundred_thousand_waiting_calls_are_all_answered_in_due_order() {
    const CALLS: usize = 100_000;
    paused(async {
        let failed = std::iter::repeat_n(answer(Outcome::Throttled), CALLS);
        let script = Script::new(failed.chain([answer(Outcome::Success)]));
        let scheduler = scheduler(&script, RetrySettings::default(), &closed());
        let calls = (0..CALLS).map(|_| scheduler.call((), Protection::Full));
        let mut reports = join_all(calls).await;
        assert!(reports.iter().all(|report| report.result.is_ok()));

        // The order of the second attempts is that of the waits that each had drawn.
        reports.sort_by_key(|report| report.attempts[0].wait);
        let second = script.seen().split_off(CALLS);
        assert_eq!(second.len(), CALLS);
        assert!(second.is_sorted_by_key(|(at, _)| *at));
        let (first, last) = (second[0].0, second[CALLS - 1].0);
        assert!(last - first > secs(0.09) && last - first <= secs(0.102), "{:?}", last - first);
        assert_eq!(scheduler.limit().waiting(), 0);
    });
}

#[test]
fn callers_of_a_scheduler_that_is_gone_are_told_so() {
    let scheduler =
        paused(async { scheduler(&Script::new([answer(Outcome::Success)]), exact(), &closed()) });
    paused(async move {
        let report = scheduler.call((), Protection::Full).await;
        assert!(matches!(report.result, Err(CallError::Lost)), "{report:?}");
    });
}
