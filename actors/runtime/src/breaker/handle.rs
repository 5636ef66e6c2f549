//! The breaker as its callers see it.

use std::{
    task::{Poll, ready},
    time::Duration,
};

use actix::{Actor, Addr, ArbiterHandle, Handler, Message, Recipient, dev::ToEnvelope};
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
    machine::Machine,
    messages::{BurstBegan, CircuitOpened, Inspect, Reset, SetMode, Subscribe},
    permit::Permit,
    published::Published,
    report::Ticket,
    snapshot::BreakerSnapshot,
    state::{Mode, Phase, State},
    tally::{Counts, Tally},
};
use crate::{
    clock,
    events::EventLog,
    lifeline::ended,
    rejection::{Rejection, RejectionKind},
    sync::Arc,
};

/// The breaker's actor is gone, so that nothing changes its state any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is not running")]
pub struct BreakerStopped;

/// A circuit breaker: a cheap handle on its actor and published state, shared by cloning.
///
/// ```
/// # use resilience_actors::{Breaker, BreakerConfig, BreakerSettings, Rejection, State};
/// # actix::System::new().block_on(async {
/// let config = BreakerConfig::try_from(BreakerSettings { fail_max: 1, ..Default::default() })?;
/// let breaker = Breaker::start(config);
///
/// breaker.admit().await?.failure("connection refused").await;
///
/// assert_eq!(breaker.state(), State::Open);
/// assert!(matches!(breaker.admit().await, Err(Rejection::CircuitOpen { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Breaker {
    actor: Addr<BreakerActor>,
    published: Arc<Published>,
    events: EventLog,
    alive: watch::Receiver<()>,
}

impl Breaker {
    /// Starts a closed breaker on the current arbiter, named "backend", with an event log of its
    /// own.
    ///
    /// # Panics
    /// Outside an actix system.
    pub fn start(config: BreakerConfig) -> Self {
        Self::start_recording(config, EventLog::default())
    }

    /// Starts a closed breaker on the current arbiter that records into `events`, and has its name.
    ///
    /// # Panics
    /// Outside an actix system.
    pub fn start_recording(config: BreakerConfig, events: EventLog) -> Self {
        Self::launch(config, events, Actor::start)
    }

    /// Starts a closed breaker on `arbiter`: what a service does, so that its breaker answers
    /// however busy the workers are.
    pub fn start_on(config: BreakerConfig, arbiter: &ArbiterHandle) -> Self {
        Self::start_recording_on(config, EventLog::default(), arbiter)
    }

    /// Starts a closed breaker on `arbiter` that records into `events`, and has its name.
    pub fn start_recording_on(
        config: BreakerConfig,
        events: EventLog,
        arbiter: &ArbiterHandle,
    ) -> Self {
        Self::launch(config, events, |actor| BreakerActor::start_in_arbiter(arbiter, |_| actor))
    }

    fn launch(
        config: BreakerConfig,
        events: EventLog,
        start: impl FnOnce(BreakerActor) -> Addr<BreakerActor>,
    ) -> Self {
        let (alive_tx, alive) = watch::channel(());
        let start_time = clock::now();
        let published = Arc::new(Published::new(&config, start_time));
        let machine = Machine::new(config, start_time);
        let told = (Arc::clone(&published), events.clone());
        let actor = start(BreakerActor::new(machine, told.0, told.1, alive_tx));
        published.connect(actor.downgrade().recipient());
        Self { actor, published, events, alive }
    }

    /// Asks for leave to make one attempt.
    ///
    /// Closed and open are answered from the published state, without a message. Half-open asks
    /// the actor, and so does a caller who finds the open time over before the timer ran.
    ///
    /// # Errors
    /// [`Rejection`], when the attempt must not be made.
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
                if let Some(rejection) = self.turn_away(phase) {
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

    /// A rejection that needs no question, counted.
    fn turn_away(&self, phase: Phase) -> Option<Rejection> {
        let retry_after = match phase {
            Phase::ForcedOpen => self.published.reset_timeout,
            Phase::Open { until } => until.saturating_duration_since(clock::now()),
            _ => return None,
        };
        if retry_after.is_zero() {
            return None;
        }
        let rejection = Rejection::CircuitOpen { retry_after };
        self.count_rejection(rejection.kind());
        Some(rejection)
    }

    #[cold]
    fn ask(&self) -> BoxFuture<'_, Result<Ticket, Rejection>> {
        Box::pin(async {
            let granted = self.send(Acquire).await.unwrap_or_else(|_| Err(Rejection::stopped()));
            if let Err(rejection) = &granted {
                self.count_rejection(rejection.kind());
            }
            granted.map(Grant::accept)
        })
    }

    /// Counts a call that was turned away, and tells the actor if it is the first for a while.
    pub(crate) fn count_rejection(&self, kind: RejectionKind) {
        if self.tally().turn_away(kind) {
            self.actor.do_send(self.published.depth.counted(BurstBegan));
        }
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.published.tally
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

    /// How long a call may take before [`Permit::slow`] has to be told. None if no trip asks for it.
    pub fn slow_after(&self) -> Option<Duration> {
        self.published.slow_call
    }

    /// Its name: that of its event log.
    pub fn name(&self) -> &std::sync::Arc<str> {
        self.events.name()
    }

    /// What happens to it and to the calls that go through it.
    pub fn events(&self) -> &EventLog {
        &self.events
    }

    /// What has been counted since the start. Sends no message.
    pub fn counts(&self) -> Counts {
        self.published.counts()
    }

    /// Messages that are on their way to the actor, about: timers are not among them.
    pub fn mailbox_depth(&self) -> usize {
        self.published.depth.read()
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

    async fn send<M>(&self, message: M) -> Result<M::Result, BreakerStopped>
    where
        M: Message<Result: Send> + Send + 'static,
        BreakerActor: Handler<Counted<M>>,
        actix::Context<BreakerActor>: ToEnvelope<BreakerActor, Counted<M>>,
    {
        self.actor.send(self.published.depth.counted(message)).await.map_err(|_| BreakerStopped)
    }

    /// Returns when the actor is gone. Its published state is frozen from then on, so a service
    /// should end. The future does not keep it alive.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        ended(self.alive.clone())
    }
}
