//! The end of a breaker that is not needed any more.

use actix::prelude::*;

use super::{actor::BreakerActor, handle::Breaker};

/// Ends the actor.
#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for BreakerActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Breaker {
    /// Ends the actor and its probes, after what was sent to it before. Without this method the actor ends when its
    /// last handle is gone, but not before its timer, which may be set to the end of a long open time.
    ///
    /// The published state does not change after that. Attempts that need the actor are rejected, and reports are lost.
    pub fn stop(&self) {
        self.stop_probing();
        self.actor.do_send(Stop);
    }
}
