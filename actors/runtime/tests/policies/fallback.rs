//! The answer of a call that has none.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use resilience_actors::{
    BreakerSettings, CallError, CallOptions, CallOutcome, Observation, Observer, Outcome, Retry,
    Upstream, Verdict,
};

use crate::support::{Script, abandon, answer, breaker, paused, secs, settle};

/// What observers learn of the ends of calls, in order.
#[derive(Default)]
struct Ends(Mutex<Vec<(&'static str, CallOutcome)>>);

impl Ends {
    fn seen(&self) -> Vec<(&'static str, CallOutcome)> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Ends {
    fn observe(&self, observation: &Observation<'_>) {
        let end = match observation {
            Observation::CallEnded(ended) => ("ended", ended.outcome),
            Observation::FellBack { instead_of, .. } => ("fell back", *instead_of),
            _ => return,
        };
        self.0.lock().unwrap().push(end);
    }
}

/// Two attempts, and a circuit that opens at the second failure.
fn upstream() -> (Upstream, Arc<Ends>) {
    let ends = Arc::new(Ends::default());
    let settings = BreakerSettings { fail_max: 2, ..Default::default() };
    let upstream = Upstream::builder("prices")
        .breaker(breaker(settings))
        .retry(Retry::exponential(Duration::from_millis(10)).attempts(2))
        .timeout(secs(1.0))
        .observer(Arc::<Ends>::clone(&ends));
    (upstream.start().unwrap(), ends)
}

#[test]
fn a_fallback_answers_after_failures_and_rejections_which_count_as_before() {
    paused(async {
        let (upstream, ends) = upstream();
        let call = async || {
            let cached = |error: &CallError<&str>| Some(error.to_string());
            upstream.call_or(async |_| Err("down"), cached).await.unwrap()
        };
        assert_eq!([call().await, call().await], ["down", "down"]);
        assert!(call().await.starts_with("circuit breaker is open"));

        let (failed, rejected) = (CallOutcome::Failure, CallOutcome::Rejected);
        let expected = [failed, failed, rejected].map(|end| [("ended", end), ("fell back", end)]);
        assert_eq!(ends.seen(), expected.concat());
        let counts = upstream.breaker().unwrap().counts();
        assert_eq!((counts.failed, counts.not_permitted.circuit_open), (2, 1));
        assert_eq!(counts.retries.failed_with_retry, 2);
    });
}

#[test]
fn a_timeout_falls_back_and_an_answer_does_not() {
    paused(async {
        let (upstream, ends) = upstream();
        let hangs = async |_: resilience_actors::Attempt<'_>| {
            std::future::pending::<()>().await;
            Ok::<_, String>(1)
        };
        assert_eq!(upstream.call_or(hangs, |_| Some(2)).await.unwrap(), 2);
        assert_eq!(upstream.call_or(async |_| Ok::<_, String>(3), |_| Some(4)).await.unwrap(), 3);
        assert_eq!(ends.seen().last(), Some(&("ended", CallOutcome::Success)));
    });
}

#[test]
fn a_fallback_without_an_answer_and_one_that_panics_leave_the_error() {
    paused(async {
        let (upstream, ends) = upstream();
        let none = upstream.call_or(async |_| Err::<u8, _>("down"), |_| None).await;
        assert!(matches!(none, Err(CallError::Transport("down"))), "{none:?}");
        let panics = upstream.call_or(async |_| Err::<u8, _>("down"), |_| panic!("as told")).await;
        assert!(matches!(panics, Err(CallError::Transport("down"))), "{panics:?}");
        assert_eq!(ends.seen(), [("ended", CallOutcome::Failure); 2]);
    });
}

#[test]
fn a_report_says_that_its_answer_is_a_fallback() {
    paused(async {
        let (upstream, _) = upstream();
        let call = async |outcome: Outcome| {
            let script = Script::new([answer(outcome)]);
            let stale = |_: &_| Some(Verdict { code: Some(200), ..Outcome::Success.into() });
            upstream.run_or(CallOptions::new(), script, stale).await
        };
        let report = call(Outcome::ServerError).await;
        assert_eq!((report.fallback, report.outcome()), (true, CallOutcome::Fallback));
        assert_eq!(report.result.as_ref().unwrap().code, Some(200));
        let outcomes: Vec<_> = report.attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [Outcome::ServerError; 2]);
        assert!(call(Outcome::Throttled).await.fallback);

        let report = call(Outcome::ClientError).await;
        assert_eq!((report.fallback, report.outcome()), (false, CallOutcome::Failure));
        assert_eq!(report.result.unwrap().outcome, Outcome::ClientError);
    });
}

#[test]
fn a_caller_that_leaves_asks_no_fallback() {
    paused(async {
        let (upstream, ends) = upstream();
        let asked = Rc::new(Cell::new(false));
        let ask = |_: &CallError<String>| {
            asked.set(true);
            Some(1)
        };
        let slow = async |_: resilience_actors::Attempt<'_>| {
            tokio::time::sleep(secs(0.5)).await;
            Err("down".to_owned())
        };
        abandon(upstream.call_or(slow, ask), secs(0.1)).await;
        tokio::time::sleep(secs(2.0)).await;
        settle().await;
        assert!(!asked.get());
        assert!(ends.seen().iter().all(|(end, _)| *end == "ended"), "{:?}", ends.seen());
    });
}
