//! Ends waits at other gates when the circuit opens.

use tokio::sync::{Notify, futures::Notified};

use super::Transition;
use crate::{
    observe::{Observation, Observer},
    state::State,
};

/// The openings of one circuit. Observes the breaker.
#[derive(Debug, Default)]
pub(crate) struct Openings(Notify);

impl Openings {
    /// Ends at the first opening after this method was called, even if the future has not been polled by then.
    pub(crate) fn next(&self) -> Notified<'_> {
        self.0.notified()
    }
}

impl Observer for Openings {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::Transition { transition: Transition { to: State::Open, .. }, .. } =
            observation
        {
            self.0.notify_waiters();
        }
    }
}
