//! The one timer of an actor.
//!
//! One, because a context polls each of its timers at every message.

use std::time::Instant;

use actix::{Actor, AsyncContext as _, Context, Handler, Message, SpawnHandle};

/// Delivers a message to its actor when something is due.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    armed: Option<(Instant, SpawnHandle)>,
}

impl Timer {
    /// Whether it will deliver its message.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Has `message` delivered when the time is `due`, and not at any other time that was set.
    pub(crate) fn set<A, M>(
        &mut self,
        ctx: &mut Context<A>,
        now: Instant,
        due: Option<Instant>,
        message: M,
    ) where
        A: Actor<Context = Context<A>> + Handler<M>,
        M: Message + 'static,
    {
        if self.armed.map(|(at, _)| at) == due {
            return;
        }
        if let Some((_, handle)) = self.armed.take() {
            ctx.cancel_future(handle);
        }
        self.armed =
            due.map(|at| (at, ctx.notify_later(message, at.saturating_duration_since(now))));
    }

    /// For the handler of its message: it has been delivered.
    ///
    /// A context polls a timer that has just been replaced once more before it takes it out. Such a timer may be due,
    /// and says nothing about the one in its place. If it did, that one would be set a second time, and from then on
    /// there would be two.
    pub(crate) fn delivered(&mut self, now: Instant) {
        self.armed = self.armed.filter(|(at, _)| *at > now);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, time::Duration};

    use super::*;
    use crate::clock;

    const PERIOD: Duration = Duration::from_millis(10);

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Poke;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Fired;

    /// Always has something due within a period.
    struct Busy {
        timer: Timer,
        due: Instant,
        delivered: Rc<Cell<u32>>,
    }

    impl Busy {
        fn step(&mut self, ctx: &mut Context<Self>) {
            let now = clock::now();
            if self.due <= now {
                self.due = now + PERIOD;
            }
            self.timer.set(ctx, now, Some(self.due), Fired);
        }
    }

    impl Actor for Busy {
        type Context = Context<Self>;
    }

    impl Handler<Poke> for Busy {
        type Result = ();

        fn handle(&mut self, _: Poke, ctx: &mut Context<Self>) {
            self.step(ctx);
        }
    }

    impl Handler<Fired> for Busy {
        type Result = ();

        fn handle(&mut self, _: Fired, ctx: &mut Context<Self>) {
            self.delivered.set(self.delivered.get() + 1);
            self.timer.delivered(clock::now());
            self.step(ctx);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_replaces_a_due_timer_does_not_multiply_it() {
        let local = tokio::task::LocalSet::new();
        let run = local.run_until(async {
            let delivered = Rc::new(Cell::new(0));
            let (timer, due) = (Timer::default(), clock::now());
            let busy = Busy { timer, due, delivered: Rc::clone(&delivered) }.start();
            for _ in 0..100 {
                busy.do_send(Poke);
                tokio::time::sleep(PERIOD).await;
            }
            delivered.get()
        });
        // Each of a hundred periods has one timer, and perhaps one more that was replaced.
        let delivered = run.await;
        assert!((50..=200).contains(&delivered), "{delivered}");
    }
}
