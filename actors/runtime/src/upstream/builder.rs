//! Puts an upstream's policies together.

use std::{
    fmt::Display,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::System;
use rand::{SeedableRng as _, rngs::SmallRng};

use super::Upstream;
use crate::{
    breaker::{Breaker, BreakerConfig, BreakerSettings, Openings, Probe},
    clock,
    config::{Allowed, InvalidConfig},
    events::{DEFAULT_CAPACITY, EventLog},
    gate::Gate,
    hedge::{Hedge, Hedging},
    limit::{CallLimit, Concurrency, ConcurrencyLimit, Rate, RateLimit},
    observe::{LogLines, Observer, Observers},
    policies::Policies,
    quiet::{Quiet, QuietPeriod},
    retry::{Retry, RetryBudget, budget::SharedBudget},
    settings::{BreakerScope, CallConfig, CallSettings},
    throttle::{Throttle, Throttling},
};

/// Builds an [`Upstream`]: each policy that is not asked for is not there.
#[must_use = "an upstream is built by `start`"]
pub struct UpstreamBuilder {
    name: Arc<str>,
    settings: CallSettings,
    breaker: Option<BreakerChoice>,
    probe: Option<StartProbing>,
    gates: Vec<Arc<dyn Gate>>,
    limit: Option<CallLimit>,
    observers: Vec<Arc<dyn Observer>>,
    seed: Option<u64>,
}

/// Starts probing with a breaker, which an upstream with probes must have.
type StartProbing = Box<dyn FnOnce(Option<&Breaker>) -> Result<(), InvalidConfig> + Send>;

/// The circuit breaker of an upstream: a running one, which other upstreams may share, or settings for a new one.
#[derive(Debug, Clone)]
pub enum BreakerChoice {
    /// A running breaker.
    Running(Breaker),
    /// A new breaker with these settings.
    New(BreakerSettings),
}

impl From<Breaker> for BreakerChoice {
    fn from(breaker: Breaker) -> Self {
        Self::Running(breaker)
    }
}

impl From<BreakerSettings> for BreakerChoice {
    fn from(settings: BreakerSettings) -> Self {
        Self::New(settings)
    }
}

impl UpstreamBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            settings: CallSettings::default(),
            breaker: None,
            probe: None,
            gates: Vec::new(),
            limit: None,
            observers: Vec::new(),
            seed: None,
        }
    }

    /// Adds a circuit breaker.
    pub fn breaker(mut self, breaker: impl Into<BreakerChoice>) -> Self {
        self.breaker = Some(breaker.into());
        self
    }

    /// Probes the upstream while the circuit is open, so that trials begin soon after the upstream is back. `make`
    /// returns the probe, on the breaker's arbiter: see [`Breaker::probe_with`]. Upstreams that share a breaker share
    /// its prober.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use resilience_actors::{Breaker, Probe, Upstream};
    /// # struct Client;
    /// # impl Client {
    /// #     fn new() -> Self { Self }
    /// #     async fn get(&self, _: &str) -> Result<(), std::io::Error> { Ok(()) }
    /// # }
    /// # actix::System::new().block_on(async {
    /// let payments = Upstream::builder("payments")
    ///     .breaker(Breaker::consecutive(5))
    ///     .probe(Probe::every(Duration::from_secs(1)).successes(2), || {
    ///         let client = Client::new();
    ///         async move || client.get("/health").await
    ///     })
    ///     .start()?;
    /// # Ok::<(), resilience_actors::InvalidConfig>(())
    /// # }).unwrap();
    /// ```
    pub fn probe<F, T, E>(mut self, probe: Probe, make: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: AsyncFn() -> Result<T, E> + 'static,
        E: Display + 'static,
        T: 'static,
    {
        self.probe = Some(Box::new(move |breaker| match breaker {
            Some(breaker) => breaker.probe_with(probe, make),
            None => Err(InvalidConfig {
                field: "probe_interval",
                value: probe.probe_interval.as_secs_f64().to_string(),
                allowed: Allowed::Beside(&["breaker"]),
            }),
        }));
        self
    }

    /// Adds retries.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = Some(retry);
        self
    }

    /// Limits the retries to a share of the calls.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.settings.retry_budget = Some(budget);
        self
    }

    /// Limits the time of each attempt.
    pub fn timeout(mut self, attempt: Duration) -> Self {
        self.settings.attempt_timeout = Some(attempt);
        self
    }

    /// Limits the time of each call, waits included.
    pub fn deadline(mut self, call: Duration) -> Self {
        self.settings.call_deadline = Some(call);
        self
    }

    /// Repeats an attempt that did not reach the upstream at once on a fresh connection, at most `repeats` times.
    pub fn connect_retries(mut self, repeats: u32) -> Self {
        self.settings.connect_retries = repeats;
        self
    }

    /// Says which failures the breaker is told of.
    pub fn scope(mut self, scope: BreakerScope) -> Self {
        self.settings.scope = scope;
        self
    }

    /// Sets all that [`CallSettings`] has at once.
    pub fn settings(mut self, settings: CallSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Limits the calls in flight and waiting, with all other upstreams that have the same limit.
    pub fn limit(mut self, limit: CallLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Rejects a share of the attempts while the upstream refuses many. Asked after the breaker.
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.settings.throttle = Some(throttle);
        self
    }

    /// Limits the attempts at the upstream in a period. The limit is asked after throttling.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.settings.rate = Some(rate);
        self
    }

    /// Limits the attempts in flight at the upstream. The limit is asked after the rate limit.
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.settings.concurrency = Some(concurrency);
        self
    }

    /// Makes a further attempt beside one that takes long.
    pub fn hedge(mut self, hedge: Hedge) -> Self {
        self.settings.hedge = Some(hedge);
        self
    }

    /// Keeps all calls away while the upstream asks one of them to wait ([`Verdict::retry_after`](crate::Verdict)).
    pub fn quiet_period(mut self, quiet: QuietPeriod) -> Self {
        self.settings.quiet_period = Some(quiet);
        self
    }

    /// Adds a gate, which is asked after the breaker, the limits and the gates before it.
    pub fn gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gates.push(gate);
        self
    }

    /// Adds an observer, also of a new breaker; an observer of a running breaker is added with [`Breaker::observe`].
    /// [`LogLines`], the breaker's counts and its event log observe anyway.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Makes jitter the same at each run, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

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
        let Self { name, settings, breaker, probe, gates, limit, observers: own, seed } = self;
        let config = CallConfig::try_from(settings)?;
        let check = |breaker: &BreakerConfig| {
            config.attempt_timeout.map_or(Ok(()), |timeout| breaker.check_timeout(timeout))
        };
        let breaker = match breaker {
            None => None,
            Some(BreakerChoice::Running(breaker)) => {
                check(breaker.config())?;
                Some(breaker)
            }
            Some(BreakerChoice::New(settings)) => {
                let settings = BreakerConfig::try_from(settings)?;
                check(&settings)?;
                let breaker = start_breaker(Arc::clone(&name), settings);
                for observer in &own {
                    // An error means that the actor died at once.
                    let _ = breaker.observe(Arc::clone(observer));
                }
                Some(breaker)
            }
        };
        probe.map_or(Ok(()), |start| start(breaker.as_ref()))?;
        let mut observers = Observers::default();
        observers.add(Arc::new(LogLines));
        if let Some(breaker) = &breaker {
            observers.add(Arc::new(breaker.clone()));
            observers.add(Arc::new(breaker.events().clone()));
        }
        own.into_iter().for_each(|observer| observers.add(observer));
        let mut rng = seed.map_or_else(rand::make_rng, SmallRng::seed_from_u64);
        let limit = limit.map(Arc::new);
        let retry_budget = config.retry_budget.clone().map(SharedBudget::new);
        let concurrency = config.concurrency.clone();
        let concurrency = concurrency.map(|limit| ConcurrencyLimit::new(limit, rng.fork()));
        let rng = Mutex::new(rng);
        let throttling =
            config.throttle.clone().map(|settings| Throttling::new(settings, clock::now()));
        let rate = config.rate.clone().map(RateLimit::new);
        let waits = rate.is_some() || concurrency.is_some();
        let openings = breaker.as_ref().filter(|_| waits).map(openings);
        let hedging = config.hedge.clone().map(Hedging::new);
        let quiet = config.quiet_period.map(|settings| Quiet::new(settings, clock::now()));
        let policies = Policies {
            name,
            hedging,
            config,
            breaker,
            quiet,
            openings,
            throttling,
            rate,
            concurrency,
            gates,
            retry_budget,
            limit,
            observers,
            rng,
        };
        Ok(Upstream { policies: Arc::new(policies) })
    }
}

fn openings(breaker: &Breaker) -> Arc<Openings> {
    let openings = Arc::<Openings>::default();
    // An error means that the breaker's actor is gone, so there will be no opening.
    let _ = breaker.observe(Arc::clone(&openings) as Arc<dyn Observer>);
    openings
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
