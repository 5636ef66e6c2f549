//! The actor around the state machine. It turns messages and its timer into steps of the machine, and transitions into
//! published epochs, observations and messages.

use std::time::Instant;

use actix::{WeakRecipient, prelude::*};
use tokio::sync::watch;

use super::{
    counted::Counted,
    grant::{Acquire, Grant},
    machine::Machine,
    messages::{
        BurstBegan, CircuitOpened, Inspect, Observe, Reconfigure, ReportResult, Reset, SetMode,
        Subscribe, TimerElapsed,
    },
    phase::Phase,
    probe::{CircuitChanged, ProbeEnded, ProberSlot, StartProber, StopProber},
    published::Published,
    reconfigured::Reconfigured,
    recorder::Recorder,
    snapshot::BreakerSnapshot,
};
use crate::{
    clock, observe::Observers, rejection::Rejection, state::State, sync::Arc, timer::Timer,
};

/// Capacity of the mailbox. Senders that wait for an answer also wait for room in it.
const MAILBOX: usize = 1024;

/// The only writer of a breaker's state. [`Breaker`](super::Breaker) sends its messages.
#[derive(Debug)]
pub(crate) struct BreakerActor {
    machine: Machine,
    published: Arc<Published>,
    recorder: Recorder,
    subscribers: Vec<WeakRecipient<CircuitOpened>>,
    /// The last opening, for subscribers that come later.
    opened: Option<CircuitOpened>,
    timer: Timer,
    prober: ProberSlot,
    /// Dropped with the actor, also if it panics. Receivers learn from it that the actor is gone.
    _alive: watch::Sender<()>,
}

impl BreakerActor {
    pub(crate) fn new(
        machine: Machine,
        published: Arc<Published>,
        observers: Observers,
        alive: watch::Sender<()>,
    ) -> Self {
        let recorder = Recorder::new(observers, Arc::clone(&published));
        Self {
            machine,
            published,
            recorder,
            subscribers: Vec::new(),
            opened: None,
            timer: Timer::default(),
            prober: ProberSlot::default(),
            _alive: alive,
        }
    }

    /// Runs one step of the machine at the current time, then publishes the transitions. Every message handler calls
    /// this. What is due is done first, because actix drains a busy mailbox before it runs timers.
    fn step<R>(
        &mut self,
        ctx: &mut Context<Self>,
        step: impl FnOnce(&mut Machine, Instant) -> R,
    ) -> R {
        let now = clock::now();
        self.machine.handle_timeout(now);
        let result = step(&mut self.machine, now);
        self.publish_transitions(now);
        self.recorder.rejections(now, false);
        let due = [self.machine.poll_timeout(), self.recorder.poll_timeout()];
        self.timer.set(ctx, now, due.into_iter().flatten().min(), TimerElapsed);
        result
    }

    fn put_in_force(&mut self, change: &Reconfigured) {
        self.published.in_force.put(&change.after);
        if let Some(epoch) = change.epoch {
            self.published.publish(epoch, Phase::Closed, || ());
        }
        if let Some(until) = self.machine.open_until() {
            self.published.open_until(until);
        }
        self.recorder.reconfigured(change);
    }

    fn publish_transitions(&mut self, now: Instant) {
        while let Some(transition) = self.machine.poll_transition() {
            let reset_timeout = self.machine.config().reset_timeout;
            let opened = (transition.to == State::Open).then(|| CircuitOpened {
                breaker: self.published.id,
                epoch: transition.epoch,
                retry_after: transition.half_open_in.unwrap_or(reset_timeout),
                cause: transition.reason.to_string().into(),
            });
            self.published.publish(transition.epoch, transition.phase, || {
                // Observers are told before subscribers, so that no release comes before its opening.
                self.recorder.transition(now, &transition);
                if let Some(opened) = opened {
                    self.subscribers.retain(|subscriber| tell(subscriber, opened.clone()));
                    self.opened = Some(opened);
                }
            });
            self.prober.tell(changed(transition.epoch, transition.phase));
        }
    }
}

fn changed(epoch: u64, phase: Phase) -> CircuitChanged {
    CircuitChanged { epoch, opened: matches!(phase, Phase::Open { .. }) }
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
        let ticket = self.step(ctx, Machine::acquire)?;
        Ok(Grant::new(&self.published, ticket))
    }
}

impl Handler<ReportResult> for BreakerActor {
    type Result = ();

    fn handle(&mut self, message: ReportResult, ctx: &mut Context<Self>) {
        let ReportResult { ticket, report, done } = message;
        self.step(ctx, |machine, now| machine.report(now, ticket, report));
        if let Some(done) = done {
            // An error means that the caller has left.
            let _ = done.send(());
        }
    }
}

impl Handler<Reset> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: Reset, ctx: &mut Context<Self>) {
        self.step(ctx, Machine::reset);
    }
}

impl Handler<SetMode> for BreakerActor {
    type Result = ();

    fn handle(&mut self, SetMode(mode): SetMode, ctx: &mut Context<Self>) {
        self.step(ctx, |machine, now| machine.set_mode(now, mode));
    }
}

impl Handler<Reconfigure> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Reconfigure(config): Reconfigure, ctx: &mut Context<Self>) {
        // Publishes what is due by the older settings.
        self.step(ctx, |_, _| ());
        if let Some(change) = self.machine.reconfigure(clock::now(), config) {
            self.put_in_force(&change);
        }
        // Publishes what follows from the new ones.
        self.step(ctx, |_, _| ());
    }
}

impl Handler<BurstBegan> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: BurstBegan, ctx: &mut Context<Self>) {
        self.recorder.burst_began(clock::now());
        self.step(ctx, |_, _| ());
    }
}

impl Handler<StartProber> for BreakerActor {
    type Result = ();

    fn handle(&mut self, start: StartProber, ctx: &mut Context<Self>) {
        self.step(ctx, |_, _| ());
        self.published.tally.has_prober();
        let breaker = ctx.address().downgrade().recipient();
        self.prober.start(start, breaker, self.published.depth.clone());
        let (epoch, phase) = self.published.current();
        self.prober.tell(changed(epoch, phase));
    }
}

impl Handler<StopProber> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: StopProber, ctx: &mut Context<Self>) {
        self.step(ctx, |_, _| ());
        self.prober.stop();
    }
}

impl Handler<ProbeEnded> for BreakerActor {
    type Result = ();

    fn handle(&mut self, ended: ProbeEnded, ctx: &mut Context<Self>) {
        let ProbeEnded { epoch, probe, successes } = ended;
        self.recorder.probe_ended(&probe);
        if let Some(successes) = successes {
            self.step(ctx, |machine, now| machine.probes_succeeded(now, epoch, successes));
        }
    }
}

impl Handler<TimerElapsed> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: TimerElapsed, ctx: &mut Context<Self>) {
        self.timer.delivered(clock::now());
        self.step(ctx, |_, _| ());
    }
}

impl Handler<Subscribe> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Subscribe(subscriber): Subscribe, ctx: &mut Context<Self>) {
        let retry_after = self.step(ctx, |machine, now| match machine.open_until() {
            Some(until) => Some(until.saturating_duration_since(now)),
            None => (machine.state() == State::Open).then_some(machine.config().reset_timeout),
        });
        if let (Some(retry_after), Some(opened)) = (retry_after, &self.opened) {
            tell(&subscriber, CircuitOpened { retry_after, ..opened.clone() });
        }
        self.subscribers.push(subscriber);
    }
}

impl Handler<Observe> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Observe(observer): Observe, _: &mut Context<Self>) {
        self.recorder.add(observer);
    }
}

impl Handler<Inspect> for BreakerActor {
    type Result = BreakerSnapshot;

    fn handle(&mut self, _: Inspect, ctx: &mut Context<Self>) -> BreakerSnapshot {
        let published = Arc::clone(&self.published);
        self.step(ctx, |machine, now| BreakerSnapshot::of(machine, &published.look(now)))
    }
}

/// One implementation for each message, because a generic one would apply to `Counted` messages too.
macro_rules! counted {
    ($($message:ty),+) => { $(
        impl Handler<Counted<$message>> for BreakerActor {
            type Result = <Self as Handler<$message>>::Result;

            fn handle(
                &mut self,
                counted: Counted<$message>,
                ctx: &mut Context<Self>,
            ) -> Self::Result {
                self.handle(counted.message, ctx)
            }
        }
    )+ };
}

counted!(Acquire, ReportResult, Reset, SetMode, BurstBegan, Subscribe, Observe, Inspect);
counted!(StartProber, StopProber, ProbeEnded, Reconfigure);
