//! The simulated upstream. It reports each attempt that reaches it.

mod conditions;
pub(crate) mod probes;

use std::{cell::Cell, future::pending, panic::resume_unwind, rc::Rc};

use resilience_actors::{Attempt, Operation, Outcome, Verdict};

pub(crate) use conditions::{Condition, Ending, Plan};

use crate::{
    record::{AttemptId, CallNumber, Request},
    rules::Told,
    support::NoAnswer,
    world::World,
};

/// An answer, with the attempt that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) attempt: AttemptId,
    /// None: `classify` panics.
    verdict: Option<Verdict>,
}

impl Answer {
    /// The answer of a call's fallback, which belongs to no attempt.
    pub(crate) fn of_fallback(call: CallNumber) -> Self {
        Self { attempt: AttemptId { call, position: usize::MAX }, verdict: None }
    }

    pub(crate) fn is_of_fallback(&self) -> bool {
        self.attempt.position == usize::MAX
    }
}

/// The operation of a simulated call.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedCall {
    pub(crate) world: Rc<World>,
    pub(crate) request: Request,
}

impl SimulatedCall {
    fn begin(&self, attempt: &Attempt<'_>) -> (AttemptId, Plan) {
        let (world, call) = (&self.world, self.request.call);
        let &Attempt { number, hedge, repeat, fresh_connection, deadline, .. } = attempt;
        let told = Told { call, number, hedge, deadline };
        let id = match repeat {
            0 => world.attempt_arrives(told),
            repeat => world.attempt_is_repeated(told, repeat),
        };
        world.attempt_connects(id, fresh_connection);
        let plan = world.plan();
        (id, deadline.map_or(plan, |deadline| plan.until(deadline)))
    }
}

impl Operation for SimulatedCall {
    type Answer = Answer;
    type Error = NoAnswer;

    async fn run(&self, attempt: Attempt<'_>) -> Result<Answer, NoAnswer> {
        let (world, connecting) = (&self.world, attempt.connecting());
        let (id, Plan { delay, ending }) = self.begin(&attempt);
        let mut guard = EndGuard { world, attempt: id, verdict: None, connecting };
        if !delay.is_zero() {
            connecting.set(matches!(ending, Ending::NoAnswer | Ending::HangConnecting));
            tokio::time::sleep(delay).await;
        }
        let (verdict, result) = match ending {
            Ending::Answer(verdict) => (Some(verdict), Ok(())),
            Ending::NoAnswer => (None, Err(NoAnswer)),
            Ending::PanicInClassify => (None, Ok(())),
            Ending::Hang => pending().await,
            Ending::HangConnecting => {
                connecting.set(true);
                pending().await
            }
            Ending::Panic => {
                guard.verdict = Some(Outcome::Panicked.into());
                resume_unwind(Box::new("as planned"))
            }
        };
        let unanswered = if result.is_err() { Outcome::Unreachable } else { Outcome::Panicked };
        guard.verdict = Some(verdict.unwrap_or(unanswered.into()));
        result.map(|()| Answer { attempt: id, verdict })
    }

    fn classify(&self, result: &Result<Answer, NoAnswer>) -> Verdict {
        match result {
            Ok(Answer { verdict: Some(verdict), .. }) => *verdict,
            Ok(_) => resume_unwind(Box::new("as planned")),
            Err(NoAnswer) => Outcome::Unreachable.into(),
        }
    }

    fn is_idempotent(&self) -> bool {
        if self.request.panics_early {
            self.world.panics_before_attempt(self.request.call);
            resume_unwind(Box::new("as planned"));
        }
        self.request.idempotent
    }
}

/// Reports how an operation ended, also if the runtime drops it.
struct EndGuard<'a> {
    world: &'a World,
    attempt: AttemptId,
    /// None until the operation has ended by itself.
    verdict: Option<Verdict>,
    connecting: &'a Cell<bool>,
}

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.world.operation_ends(self.attempt, self.verdict, self.connecting.get());
    }
}
