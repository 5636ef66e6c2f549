//! Starts an upstream from its settings.

use std::sync::{Arc, Mutex};

use actix::System;
use rand::{SeedableRng as _, rngs::SmallRng};

use super::{
    Upstream,
    builder::{BreakerChoice, UpstreamBuilder},
    current::{Current, check},
};
use crate::{
    background,
    breaker::{Breaker, BreakerConfig, Openings},
    config::InvalidConfig,
    events::{DEFAULT_CAPACITY, EventLog},
    observe::{Observer, Observers},
    policies::Common,
    settings::CallConfig,
};

/// Starts a new breaker.
type StartBreaker = fn(Arc<str>, BreakerConfig) -> Breaker;

impl UpstreamBuilder {
    /// Starts the upstream. A new breaker runs on the actix system's arbiter, or on the current thread if there is no
    /// actix system.
    ///
    /// # Errors
    /// A setting breaks its rule, there are probes without a breaker, or a breaker's does not fit the timeout: see
    /// [`BreakerConfig::check_timeout`].
    ///
    /// # Panics
    /// If a new breaker is to be started on a thread that runs neither an actix system nor a tokio `LocalSet`.
    pub fn start(self) -> Result<Upstream, InvalidConfig> {
        self.start_with(start_breaker)
    }

    /// Starts the upstream in a process that runs no actix system, on any thread. A new breaker and its probes run on a
    /// thread that this crate starts at the first use. The thread lives as long as the process, and all upstreams that
    /// are started so share it. A service should end when [`Breaker::stopped`] returns.
    ///
    /// [`Upstream::call`] still needs an actix system or a tokio `LocalSet`, on the thread of the caller. The breaker
    /// and the layer for tower (feature `tower`) do not.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Panics
    /// If a new breaker needs the thread, and the operating system cannot start one.
    pub fn start_in_background(self) -> Result<Upstream, InvalidConfig> {
        self.start_with(|name, config| {
            let events = EventLog::new(name, DEFAULT_CAPACITY);
            Breaker::start_recording_on(config, events, background::arbiter())
        })
    }

    fn start_with(self, start_breaker: StartBreaker) -> Result<Upstream, InvalidConfig> {
        let Self { name, settings, breaker, probe, gates, limit, observers, seed } = self;
        let config = CallConfig::try_from(settings)?;
        let breaker = match breaker {
            Some(choice) => Some(breaker_of(choice, &name, &config, &observers, start_breaker)?),
            None => None,
        };
        probe.map_or(Ok(()), |start| start(breaker.as_ref()))?;
        let rng = seed.map_or_else(rand::make_rng, SmallRng::seed_from_u64);
        let common = Common {
            name,
            openings: breaker.as_ref().map(openings),
            gates,
            limit: limit.map(Arc::new),
            observers: observers_of(breaker.as_ref(), observers),
            rng: Mutex::new(rng),
            breaker,
        };
        let current = Current::new(common, config);
        current.load().tell_chaos(None);
        Ok(Upstream { current: Arc::new(current) })
    }
}

/// The running breaker that was chosen, or a new one. A new one tells its transitions to `observers`.
fn breaker_of(
    choice: BreakerChoice,
    name: &Arc<str>,
    config: &CallConfig,
    observers: &[Arc<dyn Observer>],
    start_breaker: StartBreaker,
) -> Result<Breaker, InvalidConfig> {
    match choice {
        BreakerChoice::Running(breaker) => {
            check(config, &breaker.config())?;
            Ok(breaker)
        }
        BreakerChoice::New(settings) => {
            let settings = BreakerConfig::try_from(settings)?;
            check(config, &settings)?;
            let breaker = start_breaker(Arc::clone(name), settings);
            for observer in observers {
                // An error means that the actor died at once.
                let _ = breaker.observe(Arc::clone(observer));
            }
            Ok(breaker)
        }
    }
}

fn start_breaker(name: Arc<str>, config: BreakerConfig) -> Breaker {
    let events = EventLog::new(name, DEFAULT_CAPACITY);
    match System::try_current() {
        // False if the system has ended: actix keeps its name.
        Some(system) if system.arbiter().spawn_fn(|| ()) => {
            Breaker::start_recording_on(config, events, system.arbiter())
        }
        _ => Breaker::start_recording(config, events),
    }
}

/// The runtime's own observers of calls, and then the user's.
fn observers_of(breaker: Option<&Breaker>, own: Vec<Arc<dyn Observer>>) -> Observers {
    let mut observers = Observers::default();
    // The lines of calls have the upstream's name if those of its circuit have it.
    let lines = breaker.map_or_else(Arc::default, |breaker| Arc::clone(breaker.log_lines()));
    observers.add(lines as Arc<dyn Observer>);
    if let Some(breaker) = breaker {
        observers.add(Arc::new(breaker.clone()));
        observers.add(Arc::new(breaker.events().clone()));
    }
    own.into_iter().for_each(|observer| observers.add(observer));
    observers
}

fn openings(breaker: &Breaker) -> Arc<Openings> {
    let openings = Arc::<Openings>::default();
    // An error means that the breaker's actor is gone, so there will be no opening.
    let _ = breaker.observe(Arc::clone(&openings) as Arc<dyn Observer>);
    openings
}
