//! What is asked of the breaker's actor from outside of calls: by hand, by observers and by subscribers.

use actix::Recipient;

use super::{
    handle::{Breaker, BreakerStopped},
    messages::{CircuitOpened, Inspect, Observe, Reset, SetMode, Subscribe},
    snapshot::BreakerSnapshot,
};
use crate::{observe::Observer, state::Mode};

impl Breaker {
    /// Has `observer` told of all transitions and bursts of rejections from now on.
    ///
    /// # Errors
    /// The actor is gone: `observer` will be told nothing.
    pub fn observe(&self, observer: std::sync::Arc<dyn Observer>) -> Result<(), BreakerStopped> {
        if !self.actor.connected() {
            return Err(BreakerStopped);
        }
        self.actor.do_send(self.published.depth.counted(Observe(observer)));
        Ok(())
    }

    /// Closes the circuit by hand, into auto mode and a new epoch: results of calls in flight no
    /// longer count.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn reset(&self) -> Result<(), BreakerStopped> {
        self.send(Reset).await
    }

    /// Opens the circuit by hand, until [`enable`](Self::enable) or [`reset`](Self::reset). Every
    /// call is turned away and told to come back after the reset timeout; calls that wait for a
    /// retry are answered; no timer and no result changes the state.
    ///
    /// As with every change of mode, results of calls in flight no longer count. Nothing happens
    /// if it is forced open already.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn force_open(&self) -> Result<(), BreakerStopped> {
        self.send(SetMode(Mode::ForcedOpen)).await
    }

    /// Takes the circuit out of service by hand, until [`enable`](Self::enable) or
    /// [`reset`](Self::reset). It shows closed, every call passes, and no result changes the state.
    /// Nothing happens if it is disabled already.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn disable(&self) -> Result<(), BreakerStopped> {
        self.send(SetMode(Mode::Disabled)).await
    }

    /// Gives the circuit back to its own control, closed. Nothing happens in auto mode, not even if
    /// the circuit is open: [`reset`](Self::reset) closes it.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn enable(&self) -> Result<(), BreakerStopped> {
        self.send(SetMode(Mode::Auto)).await
    }

    /// All that can be seen from outside.
    ///
    /// # Errors
    /// The actor is gone.
    pub async fn inspect(&self) -> Result<BreakerSnapshot, BreakerStopped> {
        self.send(Inspect).await
    }

    /// Has `subscriber` told of each opening from now on, and of the present one if the circuit is
    /// open. Does not keep its actor alive.
    ///
    /// # Errors
    /// The actor is gone: `subscriber` will be told nothing.
    pub fn subscribe(&self, subscriber: &Recipient<CircuitOpened>) -> Result<(), BreakerStopped> {
        if !self.actor.connected() {
            return Err(BreakerStopped);
        }
        let subscribe = Subscribe(subscriber.downgrade());
        self.actor.do_send(self.published.depth.counted(subscribe));
        Ok(())
    }
}
