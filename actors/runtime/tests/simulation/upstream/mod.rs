//! The simulated upstream. It reports each attempt that reaches it.

mod conditions;
pub(crate) mod probes;

use std::{cell::Cell, future::pending, panic::resume_unwind, rc::Rc};

use resilience_actors::{Attempt, Operation, Outcome, Verdict};

pub(crate) use conditions::{Condition, Ending, Plan};

use crate::{record::CallNumber, support::NoAnswer, world::World};

/// What a call asks of the upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) call: CallNumber,
    /// The number of the upstream.
    pub(crate) lab: usize,
    pub(crate) idempotent: bool,
    /// `is_idempotent` panics.
    pub(crate) panics_early: bool,
}

/// An answer, with the attempt that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) call: CallNumber,
    pub(crate) attempt: u32,
    /// None: `classify` panics.
    verdict: Option<Verdict>,
}

/// The operation of a simulated call.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedCall {
    pub(crate) world: Rc<World>,
    pub(crate) request: Request,
}

impl SimulatedCall {
    fn begin(&self, attempt: &Attempt<'_>) -> Plan {
        let (world, call, number) = (&self.world, self.request.call, attempt.number as usize);
        match attempt.repeat {
            0 => world.attempt_begins(call, number),
            repeat => world.attempt_is_repeated(call, number, repeat),
        }
        world.attempt_connects(call, attempt.fresh_connection);
        world.plan()
    }
}

impl Operation for SimulatedCall {
    type Answer = Answer;
    type Error = NoAnswer;

    async fn run(&self, attempt: Attempt<'_>) -> Result<Answer, NoAnswer> {
        let (world, call, connecting) = (&self.world, self.request.call, attempt.connecting());
        let Plan { delay, ending } = self.begin(&attempt);
        let mut guard = EndGuard { world, call, verdict: None, connecting };
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
        result.map(|()| Answer { call, attempt: attempt.number, verdict })
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
    call: CallNumber,
    /// None until the operation has ended by itself.
    verdict: Option<Verdict>,
    connecting: &'a Cell<bool>,
}

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        self.world.operation_ends(self.call, self.verdict, self.connecting.get());
    }
}
