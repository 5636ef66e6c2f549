//! The actor around the state machine: turns messages and the timer into core steps, and their
//! results into published epochs, log lines and messages.

use std::{sync::Arc, time::Instant};

use actix::{WeakRecipient, prelude::*};
use tokio::sync::watch;

use super::{
    messages::{
        Acquire, BreakerSnapshot, BurstBegan, CircuitOpened, Inspect, Judge, Reset, SetMode,
        Subscribe, TimerElapsed,
    },
    permit::Grant,
    published::{Phase, Published},
    recorder::Recorder,
    state::BreakerCore,
    transition::{Mode, State},
};
use crate::{clock, events::EventLog, rejection::Rejection, timer::Timer};

/// Messages that may queue before those who ask through one handle are made to wait for room.
const MAILBOX: usize = 1024;

/// The one writer of a breaker's state. Talked to through [`Breaker`](super::Breaker).
#[derive(Debug)]
pub(crate) struct BreakerActor {
    core: BreakerCore,
    published: Arc<Published>,
    recorder: Recorder,
    subscribers: Vec<WeakRecipient<CircuitOpened>>,
    timer: Timer,
    /// Dropped with the actor, however it ends: so others learn that it is gone.
    _alive: watch::Sender<()>,
}

impl BreakerActor {
    pub(crate) fn new(
        core: BreakerCore,
        published: Arc<Published>,
        events: EventLog,
        alive: watch::Sender<()>,
    ) -> Self {
        let recorder = Recorder::new(events, Arc::clone(&published));
        Self {
            core,
            published,
            recorder,
            subscribers: Vec::new(),
            timer: Timer::default(),
            _alive: alive,
        }
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
            let reset_timeout = self.core.config().reset_timeout;
            let phase = match (transition.to, transition.mode) {
                (_, Mode::Disabled) => Phase::Disabled,
                (_, Mode::ForcedOpen) => Phase::ForcedOpen,
                (State::Closed, Mode::Auto) => Phase::Closed,
                (State::HalfOpen, Mode::Auto) => Phase::HalfOpen,
                (State::Open, Mode::Auto) => Phase::Open { until: now + reset_timeout },
            };
            let opened = (transition.to == State::Open).then(|| CircuitOpened {
                breaker: self.published.id,
                epoch: transition.epoch,
                retry_after: reset_timeout,
                cause: transition.reason.to_string().into(),
            });
            self.published.publish(transition.epoch, phase, || {
                log::info!("{transition}");
                // Recorded before it is told, so that no release comes before its opening.
                self.recorder.transition(now, transition);
                if let Some(opened) = opened {
                    self.subscribers.retain(|subscriber| tell(subscriber, opened.clone()));
                }
            });
        }
        self.recorder.rejections(now, false);
        let due = [self.core.poll_timeout(), self.recorder.poll_timeout()];
        self.timer.set(ctx, now, due.into_iter().flatten().min(), TimerElapsed);
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
    type Result = Result<Grant, Rejection>;

    fn handle(&mut self, _: Acquire, ctx: &mut Context<Self>) -> Self::Result {
        let ticket = self.step(ctx, BreakerCore::acquire)?;
        Ok(Grant::new(&self.published, ticket))
    }
}

impl Handler<Judge> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Judge { ticket, report, done }: Judge, ctx: &mut Context<Self>) {
        self.step(ctx, |core, now| core.report(now, ticket, report));
        if let Some(done) = done {
            // An error means that nobody waits any more.
            let _ = done.send(());
        }
    }
}

impl Handler<Reset> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: Reset, ctx: &mut Context<Self>) {
        self.step(ctx, BreakerCore::reset);
    }
}

impl Handler<SetMode> for BreakerActor {
    type Result = ();

    fn handle(&mut self, SetMode(mode): SetMode, ctx: &mut Context<Self>) {
        self.step(ctx, |core, now| core.set_mode(now, mode));
    }
}

impl Handler<BurstBegan> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: BurstBegan, ctx: &mut Context<Self>) {
        self.recorder.burst_began(clock::now());
        self.step(ctx, |_, _| ());
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
        let breaker = self.published.id;
        let opened = self.step(ctx, |core, now| {
            let retry_after = match core.open_until() {
                Some(until) => until.saturating_duration_since(now),
                None if core.state() == State::Open => core.config().reset_timeout,
                None => return None,
            };
            let cause = "it was open already".into();
            Some(CircuitOpened { breaker, epoch: core.epoch(), retry_after, cause })
        });
        if let Some(opened) = opened {
            tell(&subscriber, opened);
        }
        self.subscribers.push(subscriber);
    }
}

impl Handler<Inspect> for BreakerActor {
    type Result = BreakerSnapshot;

    fn handle(&mut self, _: Inspect, ctx: &mut Context<Self>) -> BreakerSnapshot {
        let successes = self.published.successes.read();
        self.step(ctx, |core, now| {
            let (trials_in_flight, trials_succeeded) = core.trials();
            BreakerSnapshot {
                state: core.state(),
                mode: core.mode(),
                epoch: core.epoch(),
                fail_counter: core.fail_counter(successes),
                open_count: core.open_count(),
                half_open_in: core.open_until().map(|at| at.saturating_duration_since(now)),
                trials_in_flight,
                trials_succeeded,
                settings: (**core.config()).clone(),
            }
        })
    }
}
