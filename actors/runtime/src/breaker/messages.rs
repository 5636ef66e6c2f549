//! What the breaker's actor is told and asked. Callers use [`Breaker`](super::Breaker), which
//! sends these.

use std::{sync::Arc, time::Duration};

use actix::{WeakRecipient, prelude::*};
use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    config::BreakerSettings,
    permit::Grant,
    state::{Report, Ticket},
    transition::{Mode, State},
};
use crate::{config::optional_seconds, rejection::Rejection};

/// Asks for leave to make an attempt, where the published state alone cannot give it.
#[derive(Message)]
#[rtype(result = "Result<Grant, Rejection>")]
pub(crate) struct Acquire;

/// Reports how an attempt went.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Judge {
    pub(crate) ticket: Ticket,
    pub(crate) report: Report,
    /// Who waits until it is taken into account.
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

/// All that can be seen of a breaker from outside, at one moment. Durations serialise as seconds.
#[derive(Debug, Clone, PartialEq, Serialize, MessageResponse)]
pub struct BreakerSnapshot {
    /// The state.
    pub state: State,
    /// Whether it is under its own control.
    pub mode: Mode,
    /// Number of the current epoch: grows by one with each transition.
    pub epoch: u64,
    /// Consecutive counted failures; out of closed state, those that opened the circuit. 0 in any
    /// mode but auto.
    pub fail_counter: u32,
    /// Transitions to open since the start.
    pub open_count: u64,
    /// Time to half-open; none unless open by itself.
    #[serde(serialize_with = "optional_seconds")]
    pub half_open_in: Option<Duration>,
    /// Trials in flight.
    pub trials_in_flight: usize,
    /// Trials of this half-open phase that succeeded.
    pub trials_succeeded: u32,
    /// The configuration.
    #[serde(flatten)]
    pub settings: BreakerSettings,
}
