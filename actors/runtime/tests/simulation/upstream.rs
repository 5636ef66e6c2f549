//! An upstream of moods: it answers, fails, stalls, is not there, and panics.

use std::{cell::Cell, future::pending, panic::resume_unwind, rc::Rc, time::Duration};

use rand::{RngExt as _, rngs::SmallRng};
use resilience_actors::{Attempt, Operation, Outcome, Verdict};

use crate::{
    support::NoAnswer,
    world::{Token, World},
};

/// How the upstream is, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Healthy,
    Flapping,
    Failing,
    Stalling,
    Gone,
    Mad,
}

impl Mood {
    pub(crate) const ALL: [Self; 6] =
        [Self::Healthy, Self::Flapping, Self::Failing, Self::Stalling, Self::Gone, Self::Mad];

    /// What an attempt meets.
    pub(crate) fn plan(self, rng: &mut SmallRng) -> Plan {
        let delay = match rng.random_range(0..4) {
            0 | 1 => Duration::ZERO,
            2 => Duration::from_millis(rng.random_range(1..300)),
            _ => Duration::from_millis(rng.random_range(1..3_000)),
        };
        let rare = |rng: &mut SmallRng| match rng.random_range(0..8) {
            0 => Ending::Panic,
            1 => Ending::PanicInClassify,
            2 | 3 => Ending::NoAnswer,
            4 => Ending::Hang,
            5 => Ending::HangConnecting,
            _ => Ending::Answer(any_verdict(rng)),
        };
        let answer = |outcome: Outcome| Ending::Answer(outcome.into());
        let ending = match (self, rng.random_range(0..10)) {
            (_, 0) | (Self::Mad, _) => rare(rng),
            (Self::Healthy, _) | (Self::Flapping, 1..=4) => answer(Outcome::Success),
            (Self::Flapping, _) => Ending::Answer(any_verdict(rng)),
            (Self::Failing, _) => answer(Outcome::ServerError),
            (Self::Stalling, 1..=5) => Ending::Hang,
            (Self::Stalling, _) => answer(Outcome::Success),
            (Self::Gone, 1..=6) => Ending::NoAnswer,
            (Self::Gone, _) => Ending::HangConnecting,
        };
        Plan { delay, ending }
    }
}

fn any_verdict(rng: &mut SmallRng) -> Verdict {
    const OUTCOMES: [Outcome; 10] = [
        Outcome::Success,
        Outcome::Throttled,
        Outcome::Transient,
        Outcome::LocalShortage,
        Outcome::ClientError,
        Outcome::Unsupported,
        Outcome::ServerError,
        Outcome::Unusable,
        Outcome::Redirect,
        Outcome::Unreachable,
    ];
    let outcome = OUTCOMES[rng.random_range(0..OUTCOMES.len())];
    let floor = rng.random_bool(0.3).then(|| Duration::from_millis(rng.random_range(0..5_000)));
    let retry_after = floor.filter(|_| outcome == Outcome::Throttled);
    Verdict { retry_after, ..outcome.into() }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) ending: Ending,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    Answer(Verdict),
    NoAnswer,
    Hang,
    HangConnecting,
    Panic,
    PanicInClassify,
}

/// A request: whose it is, and what the runtime is told of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) token: Token,
    pub(crate) idempotent: bool,
    /// Asking whether it is idempotent panics.
    pub(crate) touchy: bool,
}

/// An answer that knows what it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) token: Token,
    pub(crate) attempt: u32,
    verdict: Verdict,
    panics: bool,
}

/// Tells the world of each attempt of a request, and does what the world plans.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) world: Rc<World>,
    pub(crate) request: Request,
}

impl Operation for Ask {
    type Answer = Answer;
    type Error = NoAnswer;

    async fn run(&self, attempt: Attempt<'_>) -> Result<Answer, NoAnswer> {
        let (world, token) = (&self.world, self.request.token);
        let plan = world.begin(token, attempt.number, attempt.repeat);
        world.connects(token, attempt.fresh_connection);
        let mut ending = Ends { world, token, verdict: None, connecting: attempt.connecting() };
        if matches!(plan.ending, Ending::NoAnswer | Ending::HangConnecting) {
            attempt.connecting().set(!plan.delay.is_zero());
        }
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        let answer = |verdict, panics| Answer { token, attempt: attempt.number, verdict, panics };
        let (verdict, result) = match plan.ending {
            Ending::Answer(verdict) => (verdict, Ok(answer(verdict, false))),
            Ending::NoAnswer => (Outcome::Unreachable.into(), Err(NoAnswer)),
            Ending::Hang => pending().await,
            Ending::HangConnecting => {
                attempt.connecting().set(true);
                pending().await
            }
            Ending::Panic => {
                ending.verdict = Some(Outcome::Panicked.into());
                resume_unwind(Box::new("as planned"))
            }
            Ending::PanicInClassify => {
                let verdict = Outcome::Panicked.into();
                (verdict, Ok(answer(verdict, true)))
            }
        };
        ending.verdict = Some(verdict);
        result
    }

    fn classify(&self, result: &Result<Answer, NoAnswer>) -> Verdict {
        match result {
            Ok(Answer { panics: true, .. }) => resume_unwind(Box::new("as planned")),
            Ok(answer) => answer.verdict,
            Err(NoAnswer) => Outcome::Unreachable.into(),
        }
    }

    fn is_idempotent(&self) -> bool {
        if self.request.touchy {
            self.world.panics_before_its_attempt(self.request.token);
            resume_unwind(Box::new("as planned"));
        }
        self.request.idempotent
    }
}

/// Tells the world how an attempt ended, also if it is dropped.
struct Ends<'a> {
    world: &'a World,
    token: Token,
    /// None: the runtime has dropped it.
    verdict: Option<Verdict>,
    connecting: &'a Cell<bool>,
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.world.end(self.token, self.verdict, self.connecting.get());
    }
}
