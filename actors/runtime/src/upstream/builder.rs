//! Collects the policies of an upstream.

use std::{fmt::Display, sync::Arc, time::Duration};

use crate::{
    breaker::{Breaker, BreakerSettings, Probe},
    chaos::Chaos,
    config::{Allowed, InvalidConfig},
    gate::Gate,
    hedge::Hedge,
    limit::{CallLimit, Concurrency, Rate},
    observe::Observer,
    quiet::QuietPeriod,
    retry::{Retry, RetryBudget},
    settings::{BreakerScope, CallSettings},
    throttle::Throttle,
};

/// Builds an [`Upstream`](crate::Upstream): each policy that is not asked for is not there.
#[must_use = "an upstream is built by `start`"]
pub struct UpstreamBuilder {
    pub(super) name: Arc<str>,
    pub(super) settings: CallSettings,
    pub(super) breaker: Option<BreakerChoice>,
    pub(super) probe: Option<StartProbing>,
    pub(super) gates: Vec<Arc<dyn Gate>>,
    pub(super) limit: Option<CallLimit>,
    pub(super) observers: Vec<Arc<dyn Observer>>,
    pub(super) seed: Option<u64>,
}

/// Starts probing with a breaker, which an upstream with probes must have.
pub(super) type StartProbing =
    Box<dyn FnOnce(Option<&Breaker>) -> Result<(), InvalidConfig> + Send>;

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

    /// Lets a share of the attempts fail, be delayed or panic, for tests and game days. All other policies see that as
    /// they would see it of the upstream.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use resilience_actors::{Chaos, InjectedFault, Retry, Upstream};
    /// # actix::System::new().block_on(async {
    /// let payments = Upstream::builder("payments")
    ///     .retry(Retry::exponential(Duration::from_millis(1)).attempts(20))
    ///     .chaos(Chaos::default().fail(0.5).seed(7))
    ///     .start()?;
    /// let report = payments.report(async |_| Ok::<_, String>("paid")).await;
    /// assert!(report.result.is_ok(), "retries repair the injected failures");
    /// let (last, others) = report.attempts.split_last().unwrap();
    /// assert_eq!(last.injected, None);
    /// assert!(others.iter().all(|attempt| attempt.injected == Some(InjectedFault::Failure)));
    /// # Ok::<(), resilience_actors::InvalidConfig>(())
    /// # }).unwrap();
    /// ```
    pub fn chaos(mut self, chaos: Chaos) -> Self {
        self.settings.chaos = Some(chaos);
        self
    }

    /// Adds a gate, which is asked after the breaker, the limits and the gates before it.
    pub fn gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gates.push(gate);
        self
    }

    /// Adds an observer, also of a new breaker; an observer of a running breaker is added with [`Breaker::observe`].
    /// [`LogLines`](crate::observe::LogLines), the breaker's counts and its event log observe anyway.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Makes jitter the same at each run, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
