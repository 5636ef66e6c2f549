//! The actor around the state machine: turns messages and the timer into core steps, and their
//! results into published epochs, log lines and messages.

use std::{sync::Arc, time::Instant};

use actix::{WeakRecipient, prelude::*};
use tokio::sync::watch;

use super::{
    epoch::{Phase, Published},
    messages::{
        Acquire, BreakerSnapshot, CircuitOpened, Inspect, Judge, Reset, Subscribe, TimerElapsed,
    },
    permit::Permit,
    state::BreakerCore,
    transition::State,
};
use crate::{clock, rejection::Rejection, timer::Timer};

/// Messages that may queue before those who ask through one handle are made to wait for room.
const MAILBOX: usize = 1024;

/// The one writer of a breaker's state. Talked to through [`Breaker`](super::Breaker).
#[derive(Debug)]
pub(crate) struct BreakerActor {
    core: BreakerCore,
    published: Arc<Published>,
    subscribers: Vec<WeakRecipient<CircuitOpened>>,
    timer: Timer,
    /// Dropped with the actor, however it ends: so others learn that it is gone.
    _alive: watch::Sender<()>,
}

impl BreakerActor {
    pub(crate) fn new(
        core: BreakerCore,
        published: Arc<Published>,
        alive: watch::Sender<()>,
    ) -> Self {
        Self { core, published, subscribers: Vec::new(), timer: Timer::default(), _alive: alive }
    }

    /// Runs one step of the core at the current time, then makes what changed known. Every message
    /// comes through here, the timer's as well, so what is due is done before what was asked: a
    /// busy mailbox is drained before timers run.
    fn step<R>(
        &mut self,
        ctx: &mut Context<Self>,
        step: impl FnOnce(&mut BreakerCore, Instant) -> R,
    ) -> R {
        let now = clock::now();
        self.core.handle_timeout(now);
        let result = step(&mut self.core, now);
        while let Some(transition) = self.core.poll_transition() {
            let (phase, opened) = match transition.to {
                State::Closed => (Phase::Closed, None),
                State::HalfOpen => (Phase::HalfOpen, None),
                State::Open => {
                    let open_for = transition.half_open_in.unwrap_or_default();
                    let opened = CircuitOpened { epoch: transition.epoch, retry_after: open_for };
                    (Phase::Open { until: now + open_for }, Some(opened))
                }
            };
            // First published, then told: a scheduler that still reads the old state will find the
            // message behind whatever it does because of it.
            self.published.publish(transition.epoch, phase);
            log::info!("{transition}");
            if let Some(opened) = opened {
                self.subscribers.retain(|subscriber| tell(subscriber, opened));
            }
        }
        self.timer.set(ctx, now, self.core.poll_timeout(), TimerElapsed);
        result
    }
}

/// False if the subscriber is gone.
fn tell(subscriber: &WeakRecipient<CircuitOpened>, opened: CircuitOpened) -> bool {
    subscriber.upgrade().map(|subscriber| subscriber.do_send(opened)).is_some()
}

impl Actor for BreakerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Acquire> for BreakerActor {
    type Result = Result<Permit, Rejection>;

    fn handle(&mut self, _: Acquire, ctx: &mut Context<Self>) -> Self::Result {
        let ticket = self.step(ctx, BreakerCore::acquire)?;
        Ok(Permit::new(self.published.current(), ticket.trial))
    }
}

impl Handler<Judge> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Judge { ticket, report }: Judge, ctx: &mut Context<Self>) {
        self.step(ctx, |core, now| core.report(now, ticket, report));
    }
}

impl Handler<Reset> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: Reset, ctx: &mut Context<Self>) {
        self.step(ctx, BreakerCore::reset);
    }
}

impl Handler<TimerElapsed> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: TimerElapsed, ctx: &mut Context<Self>) {
        self.timer.delivered();
        self.step(ctx, |_, _| ());
    }
}

impl Handler<Subscribe> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Subscribe(subscriber): Subscribe, ctx: &mut Context<Self>) {
        let opened = self.step(ctx, |core, now| {
            let retry_after = core.open_until()?.saturating_duration_since(now);
            Some(CircuitOpened { epoch: core.epoch(), retry_after })
        });
        if let Some(opened) = opened {
            tell(&subscriber, opened);
        }
        self.subscribers.push(subscriber);
    }
}

impl Handler<Inspect> for BreakerActor {
    type Result = MessageResult<Inspect>;

    fn handle(&mut self, _: Inspect, ctx: &mut Context<Self>) -> Self::Result {
        let successes = self.published.current().successes();
        MessageResult(self.step(ctx, |core, now| {
            let (trials_in_flight, trials_succeeded) = core.trials();
            BreakerSnapshot {
                state: core.state(),
                epoch: core.epoch(),
                fail_counter: core.fail_counter(successes),
                open_count: core.open_count(),
                half_open_in: core.open_until().map(|at| at.saturating_duration_since(now)),
                trials_in_flight,
                trials_succeeded,
                settings: (**core.config()).clone(),
            }
        }))
    }
}
