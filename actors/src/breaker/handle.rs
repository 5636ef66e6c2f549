//! The breaker as its callers see it.

use std::sync::Arc;

use actix::{Actor, Addr, ArbiterHandle, Recipient};
use tokio::sync::watch;

use super::{
    actor::BreakerActor,
    config::BreakerConfig,
    epoch::{Phase, Published},
    messages::{Acquire, BreakerSnapshot, CircuitOpened, Inspect, Reset, Subscribe},
    permit::Permit,
    state::BreakerCore,
    transition::State,
};
use crate::{clock, lifeline::ended, rejection::Rejection};

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
    alive: watch::Receiver<()>,
}

impl Breaker {
    /// Starts a closed breaker on the current arbiter.
    ///
    /// # Panics
    /// Outside an actix system.
    pub fn start(config: BreakerConfig) -> Self {
        Self::launch(config, Actor::start)
    }

    /// Starts a closed breaker on `arbiter`: what a service does, so that its breaker answers
    /// however busy the workers are.
    pub fn start_on(config: BreakerConfig, arbiter: &ArbiterHandle) -> Self {
        Self::launch(config, |actor| BreakerActor::start_in_arbiter(arbiter, |_| actor))
    }

    fn launch(
        config: BreakerConfig,
        start: impl FnOnce(BreakerActor) -> Addr<BreakerActor>,
    ) -> Self {
        let (alive_tx, alive) = watch::channel(());
        let published = Arc::new(Published::new());
        let core = BreakerCore::new(config);
        let actor = start(BreakerActor::new(core, Arc::clone(&published), alive_tx));
        published.connect(actor.downgrade());
        Self { actor, published, alive }
    }

    /// Asks for leave to make one attempt.
    ///
    /// Closed and open are answered from the published state, without a message. Half-open asks
    /// the actor, and so does a caller who finds the open time over before the timer ran.
    ///
    /// # Errors
    /// [`Rejection`], when the attempt must not be made.
    pub async fn admit(&self) -> Result<Permit, Rejection> {
        let epoch = self.published.current();
        match epoch.phase {
            Phase::Closed => return Ok(Permit::new(epoch, None)),
            Phase::Open { until } => {
                let retry_after = until.saturating_duration_since(clock::now());
                if !retry_after.is_zero() {
                    return Err(Rejection::CircuitOpen { retry_after });
                }
            }
            Phase::HalfOpen => {}
        }
        self.actor.send(Acquire).await.unwrap_or_else(|_| Err(Rejection::stopped()))
    }

    /// The published state.
    pub fn state(&self) -> State {
        self.published.phase().state()
    }

    /// Closes the circuit by hand, into a new epoch: results of calls in flight no longer count.
    pub async fn reset(&self) {
        // An error means that the actor is gone; `stopped` tells those who need to know.
        let _ = self.actor.send(Reset).await;
    }

    /// All that can be seen from outside; none if the actor is gone.
    pub async fn inspect(&self) -> Option<BreakerSnapshot> {
        self.actor.send(Inspect).await.ok()
    }

    /// Has `subscriber` told of each opening from now on, and of the present one if the circuit is
    /// open. Does not keep its actor alive.
    pub fn subscribe(&self, subscriber: &Recipient<CircuitOpened>) {
        self.actor.do_send(Subscribe(subscriber.downgrade()));
    }

    /// Returns when the actor is gone. Its published state is frozen from then on, so a service
    /// should end. The future does not keep it alive.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        ended(self.alive.clone())
    }
}
