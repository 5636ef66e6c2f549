//! A driven clock, and an upstream that plays a script.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

pub(crate) mod arbiters;
mod lab;

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    rc::Rc,
    sync::Once,
    time::{Duration, Instant},
};

pub(crate) use lab::{Lab, Settings};
use resilience_actors::{
    Attempt, Breaker, BreakerConfig, BreakerSettings, CallId, CallLimit, Operation, Outcome, Retry,
    State, Verdict,
};

/// Runs a test in an actix system whose clock stands still while a task can run, and jumps to the next timer when none
/// can.
pub(crate) fn paused<T>(test: impl Future<Output = T>) -> T {
    actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    })
    .block_on(test)
}

/// Lets injected panics say nothing: there are thousands.
pub(crate) fn silence_injected_panics() {
    static SILENCED: Once = Once::new();
    SILENCED.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some("injected panic") {
                others(info);
            }
        }));
    });
}

#[expect(clippy::disallowed_methods, reason = "tests read the same clock as the actors")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

pub(crate) fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

/// Lets time pass, and everything happen that is due by then.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
    settle().await;
}

/// Lets everything happen that needs no time. A timer's message takes a turn of the runtime, and so does each message
/// that follows from it.
pub(crate) async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn breaker(settings: BreakerSettings) -> Breaker {
    Breaker::start(BreakerConfig::try_from(settings).unwrap())
}

/// A closed breaker with default settings.
pub(crate) fn closed() -> Breaker {
    breaker(BreakerSettings::default())
}

/// The default settings, without jitter.
pub(crate) fn exact() -> Settings {
    Settings { jitter: 0.0, ..Settings::default() }
}

pub(crate) fn without_jitter() -> Retry {
    Retry { jitter: 0.0, ..Retry::default() }
}

pub(crate) async fn fail_counter(breaker: &Breaker) -> u32 {
    breaker.inspect().await.unwrap().fail_counter
}

/// Fails `times` permits, one after the other.
pub(crate) async fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.admit().await.expect("admitted").failure("status 500").await;
    }
}

/// Reports `times` permits as successes, one after the other.
pub(crate) async fn succeed(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.admit().await.expect("admitted").success().await;
    }
}

/// Opens a closed breaker with default settings, and lets its open time pass.
pub(crate) async fn half_open(breaker: &Breaker) {
    fail(breaker, 5).await;
    pass(secs(30.0)).await;
    assert_eq!(breaker.state(), State::HalfOpen);
}

/// Makes a call whose caller leaves after this time, before it is answered.
pub(crate) async fn abandon<T>(call: impl Future<Output = T>, after: Duration) {
    assert!(tokio::time::timeout(after, call).await.is_err(), "answered before its caller left");
}

/// An upstream that plays these steps, behind a closed breaker with default settings.
pub(crate) fn scripted(
    steps: impl IntoIterator<Item = Step>,
    settings: Settings,
) -> (Lab<Script>, Script, Breaker) {
    let (script, breaker) = (Script::new(steps), closed());
    (lab(&script, settings, &breaker), script, breaker)
}

pub(crate) fn lab(script: &Script, rules: Settings, breaker: &Breaker) -> Lab<Script> {
    Lab::new(script.clone(), rules, breaker, CallLimit::new(1_000_000))
}

/// What one attempt meets.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Answer(Verdict),
    AnswerAfter(Duration, Verdict),
    /// Fails to connect after this time.
    Unreachable(Duration),
    Hang,
    Panic,
}

pub(crate) fn answer(outcome: Outcome) -> Step {
    Step::Answer(outcome.into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection refused")]
pub(crate) struct NoAnswer;

/// Plays its steps in order, one an attempt or repeat. The last step is played again and again.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    steps: Rc<RefCell<VecDeque<Step>>>,
    seen: Rc<RefCell<Vec<(Instant, CallId, u32)>>>,
    fresh: Rc<RefCell<Vec<bool>>>,
    /// None: `is_idempotent` panics.
    idempotent: Option<bool>,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: Rc::new(RefCell::new(steps.into_iter().collect())),
            seen: Rc::default(),
            fresh: Rc::default(),
            idempotent: Some(true),
        }
    }

    pub(crate) fn not_idempotent(mut self) -> Self {
        self.idempotent = Some(false);
        self
    }

    pub(crate) fn with_panicking_idempotency(mut self) -> Self {
        self.idempotent = None;
        self
    }

    /// Number of attempts that reached the upstream, repeats included.
    pub(crate) fn touched(&self) -> usize {
        self.seen.borrow().len()
    }

    /// When each attempt or repeat reached the upstream.
    pub(crate) fn times(&self) -> Vec<Instant> {
        self.seen.borrow().iter().map(|(at, ..)| *at).collect()
    }

    /// The call of each attempt or repeat.
    pub(crate) fn calls(&self) -> Vec<CallId> {
        self.seen.borrow().iter().map(|(_, call, _)| *call).collect()
    }

    /// The number of each repeat. 0 stands for an attempt.
    pub(crate) fn repeats(&self) -> Vec<u32> {
        self.seen.borrow().iter().map(|(.., repeat)| *repeat).collect()
    }

    /// Whether each attempt or repeat had to use a fresh connection.
    pub(crate) fn fresh_connections(&self) -> Vec<bool> {
        self.fresh.borrow().clone()
    }
}

impl Operation for Script {
    type Answer = Verdict;
    type Error = NoAnswer;

    async fn run(&self, attempt: Attempt<'_>) -> Result<Verdict, NoAnswer> {
        self.seen.borrow_mut().push((now(), attempt.call, attempt.repeat));
        self.fresh.borrow_mut().push(attempt.fresh_connection);
        let step = {
            let mut steps = self.steps.borrow_mut();
            if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() }
        };
        match step.expect("a script with a step") {
            Step::Answer(verdict) => Ok(verdict),
            Step::AnswerAfter(time, verdict) => {
                pass(time).await;
                Ok(verdict)
            }
            Step::Unreachable(time) => {
                if !time.is_zero() {
                    attempt.connecting().set(true);
                    pass(time).await;
                }
                Err(NoAnswer)
            }
            Step::Hang => std::future::pending().await,
            Step::Panic => panic!("as the script says"),
        }
    }

    fn classify(&self, result: &Result<Verdict, NoAnswer>) -> Verdict {
        result.unwrap_or_else(|NoAnswer| Outcome::Unreachable.into())
    }

    fn is_idempotent(&self) -> bool {
        self.idempotent.expect("as the script says")
    }
}
