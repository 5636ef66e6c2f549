//! Requests to the breaker's actor that belong to no call: control by hand, observers and subscribers.

use actix::Recipient;

use super::{
    handle::{Breaker, BreakerStopped},
    messages::{CircuitOpened, Inspect, Observe, Reset, SetMode, Subscribe},
    snapshot::BreakerSnapshot,
};
use crate::{observe::Observer, state::Mode};

impl Breaker {
    /// Tells `observer` of all transitions and bursts of rejections from now on.
    ///
    /// # Errors
    /// The actor is gone, so `observer` will be told nothing.
    pub fn observe(&self, observer: std::sync::Arc<dyn Observer>) -> Result<(), BreakerStopped> {
        if !self.actor.connected() {
            return Err(BreakerStopped);
        }
        self.actor.do_send(self.published.depth.counted(Observe(observer)));
        Ok(())
    }

    /// Closes the circuit by hand and returns it to auto mode. A new epoch begins, so results of calls in flight no
    /// longer count.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn reset(&self) -> Result<(), BreakerStopped> {
        self.send(Reset).await
    }

    /// Opens the circuit by hand, until [`enable`](Self::enable) or [`reset`](Self::reset). Every call is rejected with
    /// the reset timeout as its `retry_after`, calls that wait for a retry are answered, and no timer and no result
    /// changes the state.
    ///
    /// As with every change of mode, results of calls in flight no longer count. Does nothing if the circuit is forced
    /// open already.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn force_open(&self) -> Result<(), BreakerStopped> {
        self.send(SetMode(Mode::ForcedOpen)).await
    }

    /// Disables the circuit by hand, until [`enable`](Self::enable) or [`reset`](Self::reset). Its state is closed,
    /// every call passes, and no result changes the state. Does nothing if the circuit is disabled already.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn disable(&self) -> Result<(), BreakerStopped> {
        self.send(SetMode(Mode::Disabled)).await
    }

    /// Returns the circuit to auto mode, closed. Does nothing in auto mode, even if the circuit is open:
    /// [`reset`](Self::reset) closes it.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn enable(&self) -> Result<(), BreakerStopped> {
        self.send(SetMode(Mode::Auto)).await
    }

    /// Everything that is visible from outside.
    ///
    /// # Errors
    /// The actor is gone.
    pub async fn inspect(&self) -> Result<BreakerSnapshot, BreakerStopped> {
        self.send(Inspect).await
    }

    /// Tells `subscriber` of each opening from now on, and of the current one if the circuit is open. Does not keep the
    /// subscriber's actor alive.
    ///
    /// # Errors
    /// The actor is gone, so `subscriber` will be told nothing.
    pub fn subscribe(&self, subscriber: &Recipient<CircuitOpened>) -> Result<(), BreakerStopped> {
        if !self.actor.connected() {
            return Err(BreakerStopped);
        }
        let subscribe = Subscribe(subscriber.downgrade());
        self.actor.do_send(self.published.depth.counted(subscribe));
        Ok(())
    }
}
