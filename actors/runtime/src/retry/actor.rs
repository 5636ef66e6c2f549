//! The actor that starts the attempts of calls, and keeps calls that wait for their next attempt.

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

/// One worker's retry scheduler. Callers use it through [`Scheduler`](super::Scheduler).
pub(crate) struct RetryActor<T: Transport> {
    shared: Rc<Shared<T>>,
    waiting: DueQueue<Box<Waiting<T>>>,
    timer: Timer,
    /// Dropped with the actor, also if it panics. Receivers learn from it that the actor is gone.
    _alive: watch::Sender<()>,
}

/// A call that waits for its next attempt. Boxed, because the queue's B-tree nodes can be half empty.
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

    /// Starts the next attempt as a separate task. actix would poll a future of the actor at every message, and drop
    /// it with the actor.
    fn begin(&self, call: Call<T>) {
        actix_rt::spawn(run(Rc::clone(&self.shared), call));
    }

    /// Ends a call with the result of its last attempt.
    fn answer(&self, call: Call<T>, result: ResultOf<T>) {
        let shared = Rc::clone(&self.shared);
        actix_rt::spawn(async move { shared.answer(call, result).await });
    }

    /// Starts the attempts that are due, and sets the timer to the next due time. Every message handler calls this,
    /// because actix drains a busy mailbox before it runs timers.
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
                // The timer fired after the deadline: no time is left for an attempt.
                self.answer(call, result);
            }
        }
        self.timer.set(ctx, now, self.waiting.next_due(), RetryDue);
    }
}

/// Records the actual wait of the call, from `since` to `now`, in its last attempt.
fn resumed<T: Transport>(mut call: Call<T>, since: Instant, now: Instant) -> Call<T> {
    if let Some(last) = call.attempts.last_mut() {
        last.wait = Some(now.saturating_duration_since(since));
    }
    call
}

impl<T: Transport> Actor for RetryActor<T> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Cannot fail: an actor starts once.
        let _ = self.shared.scheduler.set(ctx.address().downgrade());
        // An error means that the breaker's actor is gone, so there will be no opening to learn of.
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
            // The call has not started to wait, so it ends with the result of its last attempt. If the circuit opens
            // later than this check, `CircuitOpened` arrives later than this message and releases the call.
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
        // All waiting calls got their permits before this opening: permits of a later epoch exist only after
        // `CircuitOpened` was sent, and the mailbox keeps the order of messages.
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
