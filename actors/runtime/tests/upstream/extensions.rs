//! Gates, observers and settings of a user.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use resilience_actors::{
    Breaker, BreakerChoice, CallError, Gate, Observation, Observer, Rejection, RejectionKind,
    Sample, State, Upstream,
};

use crate::support;
use crate::support::{paused, secs, without_jitter};

#[test]
fn an_invalid_setting_is_named_in_the_error() {
    let error = Upstream::builder("x").timeout(secs(0.0)).start().unwrap_err();
    assert!(error.to_string().starts_with("attempt_timeout = 0"), "{error}");
    let error = Upstream::builder("x").timeout(secs(3.0)).deadline(secs(2.0)).start().unwrap_err();
    assert!(error.to_string().ends_with("no less than attempt_timeout = 3"), "{error}");
    let start = |timeout, breaker: BreakerChoice| {
        let upstream = Upstream::builder("x").timeout(secs(timeout)).breaker(breaker);
        upstream.start().unwrap_err().to_string()
    };
    let too_short = "trial_lease = 5 is not valid: expected no less than attempt_timeout = 6";
    assert_eq!(start(6.0, Breaker::consecutive(5).into()), too_short);
    let never_slow = "slow_call = 2 is not valid: expected less than attempt_timeout = 2";
    assert_eq!(start(2.0, Breaker::slow_rate(0.5, secs(2.0)).into()), never_slow);
    paused(async {
        let running = Breaker::start(Breaker::consecutive(5).try_into().unwrap());
        assert_eq!(start(6.0, running.into()), too_short);
    });
}

/// Admits two attempts, and notes the end of each pass.
#[derive(Default)]
struct AdmitsTwo(Mutex<(u64, Vec<String>)>);

impl Gate for AdmitsTwo {
    fn admit(&self, _: Instant) -> Result<u64, Rejection> {
        let admitted = &mut self.0.lock().unwrap().0;
        if *admitted == 2 {
            return Err(Rejection::by_gate("two", "two are enough", secs(5.0)));
        }
        *admitted += 1;
        Ok(*admitted)
    }

    fn settle(&self, pass: u64, sample: &Sample) {
        self.0.lock().unwrap().1.push(format!("{pass} {:?} {}", sample.outcome, sample.retried));
    }

    fn dropped(&self, pass: u64) {
        self.0.lock().unwrap().1.push(format!("{pass} dropped"));
    }
}

#[test]
fn a_users_gate_admits_settles_and_rejects() {
    paused(async {
        let gate = Arc::new(AdmitsTwo::default());
        let builder =
            Upstream::builder("gated").breaker(Breaker::consecutive(5)).retry(without_jitter());
        let upstream = builder.gate(Arc::<AdmitsTwo>::clone(&gate)).start().unwrap();
        let report = upstream.report(async |_| Err::<(), _>("failed")).await;
        let Err(CallError::Rejected(rejection)) = report.result else { panic!("{report:?}") };
        assert_eq!((rejection.gate(), rejection.to_string()), ("two", "two are enough".into()));
        assert!(rejection.retry_after() >= secs(5.0));
        assert_eq!(gate.0.lock().unwrap().1, ["1 ServerError true", "2 ServerError true"]);
        let counts = upstream.breaker().unwrap().counts();
        assert_eq!((counts.not_permitted.gate, counts.not_permitted.by_circuit()), (1, 0));
        // The failures before the rejection count when the call ends, and an unused permit is neutral.
        assert_eq!((counts.failed, counts.ignored), (1, 2));
    });
}

#[test]
fn a_failure_before_a_rejection_by_a_gate_counts_before_the_call_is_answered() {
    paused(async {
        let builder =
            Upstream::builder("gated").breaker(Breaker::consecutive(1)).retry(without_jitter());
        let gate = Arc::new(AdmitsTwo(Mutex::new((1, Vec::new()))));
        let upstream = builder.gate(gate).start().unwrap();
        let report = upstream.report(async |_| Err::<(), _>("failed")).await;
        assert!(matches!(report.result, Err(CallError::Rejected(_))), "{report:?}");
        assert_eq!((report.attempts.len(), report.state), (1, State::Open));
    });
}

struct PanickingGate;

impl Gate for PanickingGate {
    fn admit(&self, _: Instant) -> Result<u64, Rejection> {
        panic!("a gate");
    }

    fn settle(&self, _: u64, _: &Sample) {}
}

/// Its `Display` panics.
struct PanickingError;

impl std::fmt::Display for PanickingError {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("an error")
    }
}

#[test]
fn a_panic_of_a_gate_is_a_rejection_and_one_of_an_error_hides_no_failure() {
    paused(async {
        let upstream = Upstream::builder("gated").gate(Arc::new(PanickingGate)).start().unwrap();
        let report = upstream.report(async |_| Ok::<_, String>(1)).await;
        assert_eq!(report.rejection().unwrap().kind(), RejectionKind::Gate);
        let upstream = Upstream::builder("fails").breaker(Breaker::consecutive(1)).start().unwrap();
        let answer = upstream.call(async |_| Err::<(), _>(PanickingError)).await;
        assert!(matches!(answer, Err(CallError::Transport(PanickingError))));
        assert_eq!(upstream.state(), State::Open);
    });
}

/// Notes each observation.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        let note = match observation {
            Observation::Transition { transition, .. } => format!("{transition}"),
            Observation::Admitted { attempt, .. } => format!("admitted {attempt}"),
            Observation::AttemptEnded { attempt, .. } => format!("ended {:?}", attempt.outcome),
            Observation::RetryScheduled(retry) => format!("waits {:?}", retry.wait),
            Observation::Released { calls, .. } => format!("released {calls}"),
            Observation::CallEnded(ended) => format!("call {:?}", ended.outcome),
            Observation::Rejected { rejection, .. } => format!("{:?}", rejection.kind()),
            _ => return,
        };
        self.0.lock().unwrap().push(note);
    }
}

#[test]
fn an_observer_sees_the_whole_life_of_a_call_and_the_transition_that_it_causes() {
    paused(async {
        let notes = Arc::new(Notes::default());
        let retry = without_jitter().attempts(2);
        let builder = Upstream::builder("seen").breaker(Breaker::consecutive(1)).retry(retry);
        let upstream = builder.observer(Arc::<Notes>::clone(&notes)).start().unwrap();
        support::settle().await;
        let _ = upstream.call(async |_| Err::<(), _>("failed")).await;
        let _ = upstream.call(async |_| Err::<(), _>("failed")).await;
        let kind = format!("{:?}", RejectionKind::CircuitOpen);
        assert_eq!(
            *notes.0.lock().unwrap(),
            [
                "admitted 1",
                "ended ServerError",
                "waits 1s",
                "admitted 2",
                "ended ServerError",
                "circuit_breaker: closed -> open (1 consecutive failures, last: failed; half-open in 30.0s)",
                "call Failure",
                &kind,
                "call Rejected",
            ]
        );
    });
}
