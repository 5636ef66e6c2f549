//! What the breaker's actor is told and asked. Callers use [`Breaker`](super::Breaker), which
//! sends these.

use std::{sync::Arc, time::Duration};

use actix::{WeakRecipient, prelude::*};
use tokio::sync::oneshot;

use super::{
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
    /// Told when the report has been taken into account.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// Closes the circuit by hand.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Reset;

/// Takes the circuit out of its own control, or gives it back.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetMode(pub(crate) Mode);

/// Calls have begun to be turned away: the first after a while without. The others are counted and
/// send nothing.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct BurstBegan;

/// Asks for all that can be seen from outside.
#[derive(Message)]
#[rtype(result = "BreakerSnapshot")]
pub(crate) struct Inspect;

/// Adds an observer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Observe(pub(crate) Arc<dyn Observer>);

/// Asks to be told of each opening from now on, and of the present one if the circuit is open.
/// Weak, so that the breaker keeps nobody alive.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Subscribe(pub(crate) WeakRecipient<CircuitOpened>);

/// The state-transition timer: the reset timeout or a trial's lease may have run out.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TimerElapsed;

/// The circuit opened: tells subscribers to let go of what waits for it.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct CircuitOpened {
    /// Number of the breaker, unique in the process.
    pub breaker: u64,
    /// The epoch that began with it.
    pub epoch: u64,
    /// When it makes sense to come back: time to half-open, or the reset timeout where the circuit
    /// was forced open.
    pub retry_after: Duration,
    /// Why.
    pub cause: Arc<str>,
}
