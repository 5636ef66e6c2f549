//! Starts the breaker's actor.

use actix::{Actor, Addr, ArbiterHandle};
use tokio::sync::watch;

use super::{
    actor::BreakerActor, config::BreakerConfig, handle::Breaker, machine::Machine,
    published::Published,
};
use crate::{
    clock,
    events::EventLog,
    observe::{LogLines, Observers},
    sync::Arc,
};

impl Breaker {
    /// Starts a closed breaker on the current arbiter, named "backend", with an event log of its own. Its log lines do
    /// not name it, and those of its upstream's calls do not either.
    ///
    /// # Panics
    /// Outside an actix system.
    pub fn start(config: BreakerConfig) -> Self {
        Self::launch(config, EventLog::default(), LogLines::default(), Actor::start)
    }

    /// Starts a closed breaker on the current arbiter that records into `events`, and has its name.
    ///
    /// # Panics
    /// Outside an actix system.
    pub fn start_recording(config: BreakerConfig, events: EventLog) -> Self {
        let lines = LogLines::named(std::sync::Arc::clone(events.name()));
        Self::launch(config, events, lines, Actor::start)
    }

    /// Starts a closed breaker on `arbiter`, as [`start`](Self::start) does. In a service, choose an arbiter that is no
    /// worker's, so that busy workers do not delay the breaker.
    pub fn start_on(config: BreakerConfig, arbiter: &ArbiterHandle) -> Self {
        Self::launch(config, EventLog::default(), LogLines::default(), |actor| {
            BreakerActor::start_in_arbiter(arbiter, |_| actor)
        })
    }

    /// Starts a closed breaker on `arbiter` that records into `events`, and has its name.
    pub fn start_recording_on(
        config: BreakerConfig,
        events: EventLog,
        arbiter: &ArbiterHandle,
    ) -> Self {
        let lines = LogLines::named(std::sync::Arc::clone(events.name()));
        let start = |actor| BreakerActor::start_in_arbiter(arbiter, |_| actor);
        Self::launch(config, events, lines, start)
    }

    fn launch(
        config: BreakerConfig,
        events: EventLog,
        lines: LogLines,
        start: impl FnOnce(BreakerActor) -> Addr<BreakerActor>,
    ) -> Self {
        let (alive_tx, alive) = watch::channel(());
        let start_time = clock::now();
        let published = Arc::new(Published::new(&config, start_time));
        let machine = Machine::new(config, start_time);
        let mut observers = Observers::default();
        let lines = std::sync::Arc::new(lines);
        observers.add(std::sync::Arc::clone(&lines) as _);
        observers.add(std::sync::Arc::new(events.clone()));
        let actor = BreakerActor::new(machine, Arc::clone(&published), observers, alive_tx);
        let actor = start(actor);
        published.connect(actor.downgrade().recipient());
        Self { actor, published, events, alive, lines }
    }
}
