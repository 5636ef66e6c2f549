//! The limit on retries.

use futures::future::join_all;
use resilience_actors::{
    EventKind, EventType, Hedge, Outcome, Retry, RetryBudget, RetryBudgetSnapshot, State, Upstream,
};

use crate::support::{
    Lab, Script, Settings, Step, abandon, answer, exact, fail_counter, pass, paused, scripted, secs,
};

/// These retries in ten seconds, whatever the number of calls.
fn at_most(retries: f64) -> Settings {
    let budget = RetryBudget::share(0.0).min_per_second(retries / 10.0);
    Settings { retry_budget: Some(budget), ..exact() }
}

fn snapshot(lab: &Lab<Script>) -> RetryBudgetSnapshot {
    lab.protected.snapshot().retry_budget.unwrap()
}

#[test]
fn a_call_whose_retry_is_refused_ends_with_its_last_attempt_and_says_so() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::ServerError)], at_most(1.0));
        let report = lab.call().await;
        assert!(report.retry_refused);
        assert_eq!((report.attempts.len(), report.elapsed, script.touched()), (2, secs(1.0), 2));
        assert_eq!(report.result.unwrap().outcome, Outcome::ServerError);
        assert_eq!(fail_counter(&breaker).await, 1, "the call's failure counts when it ends");
        let refused = EventKind::RetryRefused {
            call: report.id,
            attempt: 2,
            max_attempts: 4,
            cause: "ServerError".into(),
            trace_id: None,
        };
        let last = breaker.events().last(1, |_| true);
        assert_eq!((last[0].kind.event_type(), &last[0].kind), (EventType::RetryRefused, &refused));
        assert_eq!((snapshot(&lab).left, snapshot(&lab).refused), (0.0, 1));
    });
}

#[test]
fn a_refused_retry_can_open_the_circuit() {
    paused(async {
        let (lab, _, breaker) = scripted([answer(Outcome::ServerError)], at_most(1.0));
        let reports = join_all((0..5).map(|_| lab.call())).await;
        assert_eq!(reports.iter().filter(|report| report.retry_refused).count(), 5);
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn retries_of_all_calls_together_are_a_share_of_the_calls() {
    paused(async {
        let budget = RetryBudget::share(0.2).min_per_second(0.0);
        let settings = Settings { retry_budget: Some(budget), ..exact() };
        let (lab, script, _) = scripted([answer(Outcome::Throttled)], settings);
        let reports = join_all((0..100).map(|_| lab.call())).await;
        assert_eq!(script.touched(), 120);
        assert!(reports.iter().all(|report| report.retry_refused && report.result.is_ok()));
        assert_eq!((snapshot(&lab).left, snapshot(&lab).refused), (0.0, 100));
    });
}

#[test]
fn no_retry_is_refused_and_none_is_spent_while_calls_succeed() {
    paused(async {
        let (lab, script, _) = scripted([answer(Outcome::Success)], at_most(1.0));
        let reports = join_all((0..100).map(|_| lab.call())).await;
        assert!(!reports.iter().any(|report| report.retry_refused));
        assert_eq!((script.touched(), snapshot(&lab).left, snapshot(&lab).refused), (100, 1.0, 0));
    });
}

#[test]
fn a_call_that_would_not_be_retried_asks_no_budget() {
    paused(async {
        let (lab, _, _) = scripted([answer(Outcome::ServerError)], at_most(1.0));
        let once = lab.call_once().await;
        let last = Settings { max_attempts: 1, ..at_most(1.0) };
        let (other, _, _) = scripted([answer(Outcome::ServerError)], last);
        let last = other.call().await;
        assert!(!once.retry_refused && !last.retry_refused);
        assert_eq!((snapshot(&lab).left, snapshot(&other).left), (1.0, 1.0));
    });
}

#[test]
fn a_call_that_the_circuit_rejects_is_no_deposit() {
    paused(async {
        let budget = RetryBudget::share(0.5).min_per_second(0.0);
        let settings = Settings { retry_budget: Some(budget), ..exact() };
        let (lab, _, breaker) = scripted([answer(Outcome::Success)], settings);
        breaker.force_open().await.unwrap();
        join_all((0..10).map(|_| lab.call())).await;
        assert_eq!(snapshot(&lab).left, 0.0);
        breaker.enable().await.unwrap();
        breaker.reset().await.unwrap();
        join_all((0..10).map(|_| lab.call())).await;
        assert_eq!(snapshot(&lab).left, 5.0);
    });
}

#[test]
fn a_retry_that_is_not_made_is_spent_until_the_window_is_over() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::Throttled)], at_most(2.0));
        abandon(lab.call(), secs(0.5)).await;
        let opening = async {
            pass(secs(0.5)).await;
            breaker.force_open().await.unwrap();
        };
        let (released, ()) = futures::join!(lab.call(), opening);
        assert!(released.rejection().is_some() && !released.retry_refused);
        breaker.reset().await.unwrap();
        assert!(lab.call().await.retry_refused);
        assert_eq!((script.touched(), snapshot(&lab).left), (3, 0.0));
        pass(secs(9.0)).await;
        assert_eq!(snapshot(&lab).left, 2.0);
    });
}

#[test]
fn a_hedge_is_taken_out_of_the_budget_and_not_made_without() {
    paused(async {
        let slow = Step::AnswerAfter(secs(1.0), Outcome::Success.into());
        let settings = Settings { hedge: Some(Hedge::after(secs(0.1))), ..at_most(1.0) };
        let (lab, script, _) = scripted([slow], settings);
        let hedged = lab.call().await;
        assert_eq!((script.touched(), snapshot(&lab).left, hedged.retry_refused), (2, 0.0, false));
        let single = lab.call().await;
        assert!(single.result.is_ok() && !single.retry_refused, "the call itself goes on");
        assert_eq!((script.touched(), snapshot(&lab).refused), (3, 1));
    });
}

#[test]
fn threads_share_one_budget() {
    let upstream = Upstream::builder("shared")
        .retry(Retry::constant(secs(0.001)))
        .retry_budget(RetryBudget::share(0.0).min_per_second(1.0))
        .start()
        .unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let upstream = upstream.clone();
            std::thread::spawn(move || {
                actix_rt::System::new().block_on(async move {
                    let calls = (0..50).map(|_| upstream.report(async |_| Err::<(), _>("fails")));
                    let reports = join_all(calls).await;
                    reports.iter().map(|report| report.attempts.len()).sum::<usize>()
                })
            })
        })
        .collect();
    let attempts: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(attempts, 210, "two hundred calls and ten retries");
    assert_eq!(upstream.snapshot().retry_budget.unwrap().refused, 200);
}
