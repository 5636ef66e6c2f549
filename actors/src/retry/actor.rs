//! The actor that owns calls: begins their attempts, and holds them while they wait.

use std::{borrow::Cow, rc::Rc, time::Instant};

use actix::prelude::*;
use log::Level;
use tokio::sync::watch;

use super::{
    attempt::{Shared, run},
    messages::{Abandon, Call, Park, ResultOf, RetryDue},
    queue::DueQueue,
};
use crate::{
    breaker::{CircuitOpened, State},
    clock,
    events::{EventKind, EventType},
    limit::WaitMark,
    rejection::{Rejection, RejectionKind},
    timer::Timer,
    transport::Transport,
};

/// One worker's retry scheduler. Talked to through [`Scheduler`](super::Scheduler).
pub(crate) struct RetryActor<T: Transport> {
    shared: Rc<Shared<T>>,
    waiting: DueQueue<Box<Waiting<T>>>,
    timer: Timer,
    /// Dropped with the actor, however it ends: so others learn that it is gone.
    _alive: watch::Sender<()>,
}

/// A call that waits. Boxed in the queue, whose nodes are half empty at times.
struct Waiting<T: Transport> {
    parked: Park<T>,
    _mark: WaitMark,
}

impl<T: Transport> RetryActor<T> {
    pub(crate) fn new(shared: Shared<T>, alive: watch::Sender<()>) -> Self {
        Self {
            shared: Rc::new(shared),
            waiting: DueQueue::default(),
            timer: Timer::default(),
            _alive: alive,
        }
    }

    /// Begins the next attempt as a task of its own. A future of the actor would be polled at each
    /// of its messages, and would end with it.
    fn begin(&self, call: Call<T>) {
        actix_rt::spawn(run(Rc::clone(&self.shared), call));
    }

    /// Ends a call with what its last attempt came to.
    fn answer(&self, call: Call<T>, result: ResultOf<T>) {
        let shared = Rc::clone(&self.shared);
        actix_rt::spawn(async move { shared.answer(call, result).await });
    }

    /// Begins the attempts that are due, and keeps the one timer at the earliest of the others.
    /// Done at each message, since a busy mailbox is drained before timers run.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.waiting.next_due().is_none() && !self.timer.is_armed() {
            return;
        }
        let now = clock::now();
        while let Some(waiting) = self.waiting.pop_due(now) {
            let Park { call, since, result, .. } = waiting.parked;
            let call = resumed(call, since, now);
            if now < call.deadline {
                self.begin(call);
            } else {
                // The timer came so late that there is no time left for an attempt.
                self.answer(call, result);
            }
        }
        self.timer.set(ctx, now, self.waiting.next_due(), RetryDue);
    }
}

/// The call with its wait, which began at `since`, written down as it was.
fn resumed<T: Transport>(mut call: Call<T>, since: Instant, now: Instant) -> Call<T> {
    if let Some(last) = call.attempts.last_mut() {
        last.wait = Some(now.saturating_duration_since(since));
    }
    call
}

impl<T: Transport> Actor for RetryActor<T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Set once: an actor starts once.
        let _ = self.shared.scheduler.set(ctx.address().downgrade());
        // An error means that the breaker is gone, and opens no more.
        let _ = self.shared.breaker.subscribe(&ctx.address().recipient());
    }
}

impl<T: Transport> Handler<Call<T>> for RetryActor<T> {
    type Result = ();

    fn handle(&mut self, call: Call<T>, ctx: &mut Context<Self>) {
        self.settle(ctx);
        self.begin(call);
    }
}

impl<T: Transport> Handler<Park<T>> for RetryActor<T> {
    type Result = ();

    fn handle(&mut self, parked: Park<T>, ctx: &mut Context<Self>) {
        if parked.call.reply.is_closed() {
            self.shared.give_up(parked.call);
        } else if self.shared.breaker.state() == State::Open {
            // It has not begun to wait, so its attempt is the last thing that happened to it. If
            // the circuit opens from here on, its message is still to come.
            self.answer(parked.call, parked.result);
        } else {
            let Park { call, since, due, cause, .. } = &parked;
            let trace = self.shared.trace_id(&call.request);
            let (attempts, max_attempts) = (call.attempts.len(), self.shared.config.max_attempts);
            let wait = *due - *since;
            traced!(
                Level::Info,
                trace,
                "retry: call {} attempt {attempts}/{max_attempts}: {cause}; next attempt in {:.3}s",
                call.id,
                wait.as_secs_f64(),
            );
            self.shared.breaker.events().record_with(EventType::Retry, || EventKind::Retry {
                call: call.id,
                attempt: call.attempts.last().map_or(0, |attempt| attempt.number),
                max_attempts,
                cause: cause.clone(),
                wait,
                trace_id: trace.map(Cow::into_owned),
            });
            let (id, due, mark) = (call.id, parked.due, call.slot.waiting());
            self.waiting.insert(due, id, Box::new(Waiting { parked, _mark: mark }));
        }
        self.settle(ctx);
    }
}

impl<T: Transport> Handler<RetryDue> for RetryActor<T> {
    type Result = ();

    fn handle(&mut self, _: RetryDue, ctx: &mut Context<Self>) {
        self.timer.delivered();
        self.settle(ctx);
    }
}

impl<T: Transport> Handler<Abandon> for RetryActor<T> {
    type Result = ();

    fn handle(&mut self, Abandon(id): Abandon, ctx: &mut Context<Self>) {
        if let Some(waiting) = self.waiting.remove(id) {
            self.shared.give_up(waiting.parked.call);
        }
        self.settle(ctx);
    }
}

impl<T: Transport> Handler<CircuitOpened> for RetryActor<T> {
    type Result = ();

    fn handle(&mut self, opened: CircuitOpened, ctx: &mut Context<Self>) {
        let now = clock::now();
        // All that wait were let through before the opening: a permit of a later epoch exists only
        // after this message was sent, and messages keep their order.
        let released = self.waiting.take_all();
        let calls = released.len();
        if calls > 0 {
            log::info!("retry: released {calls} waiting call(s), the circuit opened");
            self.shared.breaker.tally().reject(RejectionKind::Released, calls as u64);
            let cause = opened.cause;
            self.shared.breaker.events().record(EventKind::Release { calls, cause });
        }
        for waiting in released {
            let Waiting { parked, .. } = *waiting;
            let rejection = Rejection::Released { retry_after: opened.retry_after };
            self.shared.reject(resumed(parked.call, parked.since, now), rejection);
        }
        self.settle(ctx);
    }
}
