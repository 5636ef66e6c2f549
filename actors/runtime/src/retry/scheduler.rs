//! The actor that starts the calls of one thread, and wakes those that wait for their next attempt.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use futures::future::LocalBoxFuture;
use send_wrapper::SendWrapper;
use tokio::sync::{oneshot, watch};

use super::waiting_room::{Place, WaitingRoom};
use crate::{
    breaker::{Breaker, CircuitOpened},
    clock,
    limit::{CallLimit, WaitMark},
    observe::{Observation, RetryScheduled},
    policies::{Common, Policies},
    state::State,
    timer::Timer,
};

/// One thread's retry scheduler. It serves the calls of all upstreams that are made on its thread.
pub(crate) struct Scheduler {
    waiting: WaitingRoom<Waiting>,
    timer: Timer,
    /// The breakers that tell this scheduler of their openings.
    subscribed: HashSet<u64>,
    /// Dropped with the actor, also if it panics. Receivers learn from it that the actor is gone.
    _alive: watch::Sender<()>,
}

/// A call that waits for its next attempt.
struct Waiting {
    policies: Arc<Policies>,
    /// The epoch of its last attempt's permit.
    epoch: u64,
    wake: oneshot::Sender<Wake>,
    _mark: Option<WaitMark>,
}

/// Starts a call as a task of its own. actix would poll a future of the actor at every message.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Call(
    /// Never leaves its thread, but actix wants messages to be `Send`.
    pub(super) SendWrapper<LocalBoxFuture<'static, ()>>,
);

/// A wait of a call, until its next attempt is due or its circuit opens.
pub(crate) struct Wait {
    pub(crate) due: Instant,
    /// The epoch of the permit of the attempt that failed.
    pub(crate) epoch: u64,
    pub(crate) policies: Arc<Policies>,
    /// Told to the observers if the call begins to wait.
    pub(crate) retry: RetryScheduled,
}

/// Begins a wait.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct BeginWait {
    pub(super) wait: Wait,
    pub(super) wake: oneshot::Sender<Wake>,
}

/// Why a call that waits goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Its next attempt is due.
    Due,
    /// It cannot wait: the circuit is open already.
    Refused,
    /// The circuit opened while it waited.
    Released { retry_after: Duration },
    /// The scheduler is gone.
    Lost,
}

/// Takes a call out of the waiting room, because its caller has left.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Withdraw(pub(super) Place);

/// The retry timer: the earliest waiting call may be due.
#[derive(Message)]
#[rtype(result = "()")]
struct RetryDue;

impl Scheduler {
    /// A scheduler whose end the receivers of `alive` learn of.
    pub(super) fn new(alive: watch::Sender<()>) -> Self {
        Self {
            waiting: WaitingRoom::default(),
            timer: Timer::default(),
            subscribed: HashSet::new(),
            _alive: alive,
        }
    }

    /// Learns of the openings of `breaker` from now on.
    fn subscribe(&mut self, breaker: &Breaker, ctx: &mut Context<Self>) {
        if self.subscribed.insert(breaker.id()) {
            // An error means that the breaker's actor is gone, so there will be no opening to learn of.
            let _ = breaker.subscribe(&ctx.address().recipient());
        }
    }

    /// Wakes the calls that are due, and sets the timer to the next due time. Every message handler calls this, because
    /// actix drains a busy mailbox before it runs timers.
    fn wake_due(&mut self, ctx: &mut Context<Self>) {
        if self.waiting.next_due().is_none() && !self.timer.is_armed() {
            return;
        }
        let now = clock::now();
        while let Some(waiting) = self.waiting.pop_due(now) {
            // An error means that the caller has just left.
            let _ = waiting.wake.send(Wake::Due);
        }
        self.timer.set(ctx, now, self.waiting.next_due(), RetryDue);
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;
}

impl Handler<Call> for Scheduler {
    type Result = ();

    fn handle(&mut self, Call(life): Call, ctx: &mut Context<Self>) {
        self.wake_due(ctx);
        drop(actix_rt::spawn(life.take()));
    }
}

impl Handler<BeginWait> for Scheduler {
    type Result = ();

    fn handle(&mut self, BeginWait { wait, wake }: BeginWait, ctx: &mut Context<Self>) {
        let Wait { due, epoch, policies, retry } = wait;
        if policies.state() == Some(State::Open) {
            // If the circuit opens later than this check, `CircuitOpened` arrives later than this message and releases
            // the call. The first to wait subscribes after the check, and a subscriber is told if the circuit is open.
            let _ = wake.send(Wake::Refused);
        } else if !wake.is_closed() {
            if let Some(breaker) = &policies.common.breaker {
                self.subscribe(breaker, ctx);
            }
            policies.common.observers.tell(&Observation::RetryScheduled(&retry));
            let mark = policies.common.limit.as_deref().map(CallLimit::mark_waiting);
            self.waiting.insert((due, retry.call), Waiting { policies, epoch, wake, _mark: mark });
        }
        self.wake_due(ctx);
    }
}

impl Handler<RetryDue> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: RetryDue, ctx: &mut Context<Self>) {
        self.timer.delivered(clock::now());
        self.wake_due(ctx);
    }
}

impl Handler<Withdraw> for Scheduler {
    type Result = ();

    fn handle(&mut self, Withdraw(place): Withdraw, ctx: &mut Context<Self>) {
        self.waiting.remove(place);
        self.wake_due(ctx);
    }
}

impl Handler<CircuitOpened> for Scheduler {
    type Result = ();

    fn handle(&mut self, opened: CircuitOpened, ctx: &mut Context<Self>) {
        let released = self.waiting.take(|waiting| {
            let breaker = waiting.policies.common.breaker.as_ref();
            breaker.is_some_and(|breaker| breaker.id() == opened.breaker)
                && waiting.epoch < opened.epoch
        });
        let mut by_upstream: Vec<(Arc<Common>, usize)> = Vec::new();
        for Waiting { policies, .. } in &released {
            let common = &policies.common;
            match by_upstream.iter_mut().find(|(known, _)| Arc::ptr_eq(known, common)) {
                Some((_, calls)) => *calls += 1,
                None => by_upstream.push((Arc::clone(common), 1)),
            }
        }
        for (upstream, calls) in by_upstream {
            let cause = &opened.cause;
            upstream.observers.tell(&Observation::Released { calls, cause });
        }
        for Waiting { wake, .. } in released {
            let _ = wake.send(Wake::Released { retry_after: opened.retry_after });
        }
        self.wake_due(ctx);
    }
}

/// Ends the scheduler, for tests.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Die;

#[cfg(test)]
impl Handler<Die> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: Die, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
