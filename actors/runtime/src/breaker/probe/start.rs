//! How a breaker gets its prober.

use std::fmt::Display;

use actix::{WeakRecipient, prelude::*};

use super::{
    messages::{CircuitChanged, ProbeEnded},
    prober::{Prober, Reports},
    settings::Probe,
};
use crate::{
    breaker::counted::{Counted, Depth},
    panics::contained,
};

/// Starts the prober on the arbiter of the breaker's actor, in place of an earlier one.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StartProber(Box<dyn FnOnce(Reports) -> Recipient<CircuitChanged> + Send>);

/// Stops the prober.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopProber;

impl StartProber {
    /// `make` returns the probe, on the arbiter where it stays.
    pub(crate) fn new<F, T, E>(probe: Probe, make: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: AsyncFn() -> Result<T, E> + 'static,
        E: Display + 'static,
        T: 'static,
    {
        Self(Box::new(move |reports| Prober::new(probe, make(), reports).start().recipient()))
    }
}

/// The breaker's prober, if it has one.
#[derive(Debug, Default)]
pub(crate) struct ProberSlot(Option<Recipient<CircuitChanged>>);

impl ProberSlot {
    /// Starts a prober in place of an earlier one. A panic leaves the breaker without.
    pub(crate) fn start(
        &mut self,
        StartProber(start): StartProber,
        breaker: WeakRecipient<Counted<ProbeEnded>>,
        depth: Depth,
    ) {
        self.stop();
        self.0 = contained(|| start(Reports { breaker, depth }));
    }

    /// Stops the prober, if there is one.
    pub(crate) fn stop(&mut self) {
        // A timer would keep it alive.
        self.tell(CircuitChanged { epoch: 0, opened: false });
        self.0 = None;
    }

    /// Tells the prober of the circuit. Without a prober, does nothing.
    pub(crate) fn tell(&mut self, changed: CircuitChanged) {
        if let Some(prober) = self.0.take_if(|prober| !prober.connected()) {
            drop(prober);
            log::error!("circuit_breaker: the prober is gone; the circuit waits for its open time");
        }
        if let Some(prober) = &self.0 {
            prober.do_send(changed);
        }
    }
}
