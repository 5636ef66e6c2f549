//! Requests to the breaker's actor that belong to no call: control by hand, observers, subscribers and probes.

use std::fmt::Display;

use actix::Recipient;

use super::{
    config::BreakerConfig,
    handle::{Breaker, BreakerStopped},
    messages::{CircuitOpened, Inspect, Observe, Reconfigure, Reset, SetMode, Subscribe},
    probe::{Probe, StartProber, StopProber},
    snapshot::BreakerSnapshot,
};
use crate::{config::InvalidConfig, observe::Observer, state::Mode};

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

    /// Changes the settings of the running circuit. When it returns, they are in force: [`config`](Self::config)
    /// returns them, and every step of the circuit follows them.
    ///
    /// No call is lost. Permits stay valid, and trials keep the lease with which they began. The state, the mode, the
    /// counts, the event log and the prober with its own settings stay.
    ///
    /// - Closed: failures in a row and windows stay, and thresholds (`fail_max`, `streak_max_age`, `failure_rate`,
    ///   `failures`, `slow_rate`, `min_calls`) act at the next failure or slow call. If another `window`, another
    ///   `slow_call`, or a trip that looks at the window and is switched on or off changes what the windows count, all
    ///   trips begin empty, in a new epoch: results of calls in flight no longer count.
    /// - Open by its own rules: the open time, counted from the opening, becomes what it would be if the circuit had
    ///   had these settings since it was last closed. If that is over, the circuit is half-open at once.
    /// - Half-open: if as many trials as the new `success_threshold` have succeeded, the circuit closes at once.
    ///
    /// Does nothing if the settings are the same. Checks nothing that is not a setting of the breaker: each upstream
    /// that uses it must still [fit](BreakerConfig::check_timeout), and a prober whose interval is longer than the new
    /// `reset_timeout` has no effect. A call that began before keeps its attempt timeout, so a shorter `trial_lease`
    /// may end its trial.
    ///
    /// # Errors
    /// The actor is gone, and nothing was done.
    pub async fn reconfigure(&self, config: BreakerConfig) -> Result<(), BreakerStopped> {
        self.send(Reconfigure(config)).await
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

    /// Probes the upstream while the circuit is open by its own rules, not while it is forced open. The circuit becomes
    /// half-open as soon as enough probes in a row have succeeded, or after its open time.
    ///
    /// `make` runs once, on the breaker's arbiter, and returns the probe: a small request that is `Ok` if the upstream
    /// is back. The probe stays on that arbiter, so it need not be `Send`. It must not block the arbiter. At most one
    /// probe is in flight; it is dropped after its timeout, and when the circuit changes its state. Probes are neither
    /// attempts nor calls, and are never repeated.
    ///
    /// A breaker has one prober: a later one takes the place of an earlier one. Does nothing if the breaker's actor is
    /// gone.
    ///
    /// # Errors
    /// A setting breaks its rule: see [`Probe::validate`].
    pub fn probe_with<F, T, E>(
        &self,
        probe: Probe,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Result<(), InvalidConfig>
    where
        F: AsyncFn() -> Result<T, E> + 'static,
        E: Display + 'static,
        T: 'static,
    {
        probe.validate(&self.config())?;
        let start = StartProber::new(probe, make);
        self.actor.do_send(self.published.depth.counted(start));
        Ok(())
    }

    /// Ends the probing of [`probe_with`](Self::probe_with), at once. A probe in flight is dropped. Does nothing
    /// without a prober.
    pub fn stop_probing(&self) {
        self.actor.do_send(self.published.depth.counted(StopProber));
    }
}
