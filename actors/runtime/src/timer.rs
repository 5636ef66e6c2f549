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
    pub(crate) fn delivered(&mut self) {
        self.armed = None;
    }
}
