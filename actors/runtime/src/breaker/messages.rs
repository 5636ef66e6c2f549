//! The messages of the breaker's actor. Callers use [`Breaker`](super::Breaker), which sends them.

use std::{sync::Arc, time::Duration};

use actix::{WeakRecipient, prelude::*};
use tokio::sync::oneshot;

use super::{
    config::BreakerConfig,
    report::{Report, Ticket},
    snapshot::BreakerSnapshot,
};
use crate::{observe::Observer, state::Mode};

/// Reports how an attempt went.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ReportResult {
    pub(crate) ticket: Ticket,
    pub(crate) report: Report,
    /// Answered when the actor has handled the report.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// Closes the circuit by hand.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Reset;

/// Sets the mode by hand.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetMode(pub(crate) Mode);

/// Puts other settings in force.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Reconfigure(pub(crate) BreakerConfig);

/// A burst of rejections began. Only its first call sends this message; the others are only counted.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct BurstBegan;

/// Asks for everything that is visible from outside.
#[derive(Message)]
#[rtype(result = "BreakerSnapshot")]
pub(crate) struct Inspect;

/// Adds an observer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Observe(pub(crate) Arc<dyn Observer>);

/// Asks to be told of each opening from now on, and of the current one if the circuit is open. Weak, so that the
/// breaker does not keep the subscriber alive.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Subscribe(pub(crate) WeakRecipient<CircuitOpened>);

/// The state-transition timer: the reset timeout or a trial's lease may have run out.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TimerElapsed;

/// The circuit opened: subscribers must answer the calls that wait.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct CircuitOpened {
    /// Number of the breaker, unique in the process.
    pub breaker: u64,
    /// The epoch that began.
    pub epoch: u64,
    /// Time to half-open, or the reset timeout if the circuit was forced open.
    pub retry_after: Duration,
    /// Why.
    pub cause: Arc<str>,
}
