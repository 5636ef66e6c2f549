//! The breaker as its callers see it.

use std::{
    task::{Poll, ready},
    time::Duration,
};

use actix::{Addr, Handler, Message, dev::ToEnvelope};
use futures::{
    FutureExt as _,
    future::{BoxFuture, poll_fn},
};
use tokio::sync::watch;

use super::{
    actor::BreakerActor,
    config::BreakerConfig,
    counted::Counted,
    grant::{Acquire, Grant},
    messages::BurstBegan,
    permit::Permit,
    phase::Phase,
    published::Published,
    report::Ticket,
    tally::{Counts, Tally},
};
use crate::{
    clock,
    events::EventLog,
    lifeline::ended,
    observe::LogLines,
    rejection::{Rejection, RejectionKind},
    state::{Mode, State},
    sync::Arc,
};

/// The breaker's actor is gone, so its state does not change any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is not running")]
pub struct BreakerStopped;

/// A circuit breaker: a cheap handle on its actor and published state, shared by cloning.
///
/// ```
/// # use resilience_actors::{Breaker, BreakerConfig, BreakerSettings, RejectionKind, State};
/// # actix::System::new().block_on(async {
/// let config = BreakerConfig::try_from(BreakerSettings { fail_max: 1, ..Default::default() })?;
/// let breaker = Breaker::start(config);
///
/// breaker.admit().await?.failure("connection refused").await;
///
/// assert_eq!(breaker.state(), State::Open);
/// assert_eq!(breaker.admit().await.unwrap_err().kind(), RejectionKind::CircuitOpen);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Breaker {
    pub(super) actor: Addr<BreakerActor>,
    pub(super) published: Arc<Published>,
    pub(super) events: EventLog,
    pub(super) alive: watch::Receiver<()>,
    pub(super) lines: std::sync::Arc<LogLines>,
}

impl Breaker {
    /// Asks for the permission to make one attempt.
    ///
    /// While closed or open, the published state answers without a message. While half-open, or if the open time is
    /// over before the timer has fired, the actor is asked.
    ///
    /// # Errors
    /// The [`Rejection`], if the attempt must not be made.
    #[inline]
    pub fn admit(&self) -> impl Future<Output = Result<Permit<'_>, Rejection>> {
        // Not an `async fn`: this can be inlined where it is awaited, and so costs less.
        let mut asking = None;
        poll_fn(move |context| {
            if asking.is_none() {
                let (epoch, phase) = self.published.current();
                if phase.passes() {
                    let ticket = Ticket { epoch, trial: None };
                    return Poll::Ready(Ok(Permit::new(&self.published, ticket)));
                }
                if let Some(rejection) = self.reject_at_once(phase) {
                    return Poll::Ready(Err(rejection));
                }
            }
            let ticket = ready!(asking.get_or_insert_with(|| self.ask()).poll_unpin(context));
            Poll::Ready(match ticket {
                Ok(ticket) => Ok(Permit::new(&self.published, ticket)),
                Err(rejection) => Err(rejection),
            })
        })
    }

    /// A permit, if the circuit is closed.
    pub(crate) fn admit_if_closed(&self) -> Option<Permit<'_>> {
        let (epoch, phase) = self.published.current();
        let ticket = Ticket { epoch, trial: None };
        phase.passes().then(|| Permit::new(&self.published, ticket))
    }

    /// The rejection of a call, counted, if the published state alone decides that no attempt may be made.
    pub(crate) fn rejection_at_once(&self) -> Option<Rejection> {
        let (_, phase) = self.published.current();
        if phase.passes() { None } else { self.reject_at_once(phase) }
    }

    /// The rejection, counted, if this phase rejects without asking the actor.
    fn reject_at_once(&self, phase: Phase) -> Option<Rejection> {
        let retry_after = match phase {
            Phase::ForcedOpen => self.published.in_force.reset_timeout(),
            Phase::Open { until } => until.saturating_duration_since(clock::now()),
            _ => return None,
        };
        if retry_after.is_zero() {
            return None;
        }
        let rejection = Rejection::new(RejectionKind::CircuitOpen, retry_after);
        self.count_rejection(rejection.kind());
        Some(rejection)
    }

    #[cold]
    fn ask(&self) -> BoxFuture<'_, Result<Ticket, Rejection>> {
        Box::pin(async {
            let granted = self.send(Acquire).await.unwrap_or_else(|_| {
                Err(Rejection::new(RejectionKind::Stopped, Duration::from_secs(1)))
            });
            if let Err(rejection) = &granted {
                self.count_rejection(rejection.kind());
            }
            granted.map(Grant::accept)
        })
    }

    /// Counts a rejected call, and tells the actor if a burst begins with it.
    pub(crate) fn count_rejection(&self, kind: RejectionKind) {
        if self.tally().begins_burst_with(kind) {
            self.actor.do_send(self.published.depth.counted(BurstBegan));
        }
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.published.tally
    }

    /// The number of the current epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.published.current().0
    }

    /// Number of the breaker, unique in the process.
    pub(crate) fn id(&self) -> u64 {
        self.published.id
    }

    /// The published state.
    pub fn state(&self) -> State {
        self.published.phase().state()
    }

    /// The published mode.
    pub fn mode(&self) -> Mode {
        self.published.phase().mode()
    }

    /// The published state and mode, of one moment.
    pub fn state_and_mode(&self) -> (State, Mode) {
        let phase = self.published.phase();
        (phase.state(), phase.mode())
    }

    /// The time after which [`Permit::slow`] must be called. `None` if no trip counts slow calls.
    pub fn slow_after(&self) -> Option<Duration> {
        self.published.in_force.slow_call()
    }

    /// The settings in force. See [`reconfigure`](Self::reconfigure).
    pub fn config(&self) -> std::sync::Arc<BreakerConfig> {
        self.published.in_force.config()
    }

    /// Its name, which is also its event log's.
    pub fn name(&self) -> &std::sync::Arc<str> {
        self.events.name()
    }

    /// The log of its events and those of its calls.
    pub fn events(&self) -> &EventLog {
        &self.events
    }

    /// What writes its log lines, with or without its name.
    pub(crate) fn log_lines(&self) -> &std::sync::Arc<LogLines> {
        &self.lines
    }

    /// The counts since the start. Sends no message.
    pub fn counts(&self) -> Counts {
        self.published.counts()
    }

    /// Approximate number of messages in the actor's mailbox, without timers.
    pub fn mailbox_depth(&self) -> usize {
        self.published.depth.read()
    }

    pub(super) async fn send<M>(&self, message: M) -> Result<M::Result, BreakerStopped>
    where
        M: Message<Result: Send> + Send + 'static,
        BreakerActor: Handler<Counted<M>>,
        actix::Context<BreakerActor>: ToEnvelope<BreakerActor, Counted<M>>,
    {
        self.actor.send(self.published.depth.counted(message)).await.map_err(|_| BreakerStopped)
    }

    /// Returns when the actor is gone. The published state does not change after that, so a service should end. The
    /// future does not keep the actor alive.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        ended(self.alive.clone())
    }
}
