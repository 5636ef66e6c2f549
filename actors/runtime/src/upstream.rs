//! What a user starts with: an upstream, and calls to it.

mod begin;
mod builder;
mod current;
mod start;
mod successor;

use std::{fmt::Display, sync::Arc, time::Instant};

use begin::begin;
pub(crate) use begin::enter;
pub use builder::{BreakerChoice, UpstreamBuilder};
use current::Current;
pub use current::ReconfigureError;

use crate::{
    breaker::Breaker,
    call::{Ending, tell_end},
    clock, fallback,
    limit::{CallLimit, ConcurrencyLimit},
    observe::{Observation, about},
    operation::{Attempt, Closure, Operation, ReportOf},
    options::CallOptions,
    policies::Policies,
    rejection::Rejection,
    report::{CallError, CallId, CallReport},
    retry::current_thread,
    settings::CallConfig,
    snapshot::PolicySnapshot,
    state::State,
};

/// One upstream with its policies: a cheap handle, shared by cloning.
///
/// Make one for each upstream and process, and use it on any thread. Calls can be made on every thread that runs an
/// actix system or a tokio `LocalSet`; each such thread has one retry scheduler, which starts at its first call.
///
/// ```
/// # use std::time::Duration;
/// # use resilience_actors::{Breaker, Retry, Upstream};
/// # #[derive(Clone)] struct Client;
/// # async fn fetch(_: &Client, _: resilience_actors::Attempt<'_>) -> Result<u16, std::io::Error> { Ok(200) }
/// # let client = Client;
/// # actix::System::new().block_on(async {
/// let payments = Upstream::builder("payments")
///     .retry(Retry::exponential(Duration::from_millis(100)).attempts(4))
///     .timeout(Duration::from_secs(3))
///     .start()?;
/// let answer = payments.call(async move |attempt| fetch(&client, attempt).await).await?;
/// # assert_eq!(answer, 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Upstream {
    current: Arc<Current>,
}

impl Upstream {
    /// An upstream without any policy, to which policies are added.
    pub fn builder(name: impl Into<Arc<str>>) -> UpstreamBuilder {
        UpstreamBuilder::new(name.into())
    }

    /// Makes a call: runs `attempt` once, or more often if the upstream has retries. `Ok` is a success and `Err` a
    /// failure of the upstream.
    ///
    /// The closure owns what it uses, and may run more than once: clone what it borrows. Dropping the future abandons
    /// the call: no further attempt is begun, and an attempt in flight runs to its end and reports to the breaker.
    ///
    /// # Errors
    /// Why there is no answer: the last attempt's error, a time limit, or a gate's rejection.
    ///
    /// # Panics
    /// On a thread that runs neither an actix system nor a tokio `LocalSet`.
    pub async fn call<T, E, F>(&self, attempt: F) -> Result<T, CallError<E>>
    where
        T: 'static,
        E: Display + 'static,
        F: AsyncFn(Attempt<'_>) -> Result<T, E> + 'static,
    {
        self.report(attempt).await.result
    }

    /// Makes a call as [`call`](Self::call) does. If there is no answer, asks `fallback` for one, after the breaker,
    /// the retries and the observers have seen the end of the call. A `fallback` that panics has none.
    ///
    /// ```
    /// # use resilience_actors::Upstream;
    /// # actix::System::new().block_on(async {
    /// # let prices = Upstream::builder("prices").start().unwrap();
    /// let price = prices.call_or(async |_| Err::<u32, _>("down"), |_error| Some(42)).await;
    /// # assert_eq!(price.unwrap(), 42);
    /// # });
    /// ```
    ///
    /// # Errors
    /// As [`call`](Self::call), if `fallback` has no answer.
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn call_or<T, E, F>(
        &self,
        attempt: F,
        fallback: impl FnOnce(&CallError<E>) -> Option<T>,
    ) -> Result<T, CallError<E>>
    where
        T: 'static,
        E: Display + 'static,
        F: AsyncFn(Attempt<'_>) -> Result<T, E> + 'static,
    {
        let operation = Closure::new(attempt, true);
        let fallback = |report: &CallReport<T, E>| report.result.as_ref().err().and_then(fallback);
        self.run_or(CallOptions::new(), operation, fallback).await.result
    }

    /// Makes a call as [`call`](Self::call) does, in one attempt: what it asks for must not be repeated.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn call_once<T, E, F>(&self, attempt: F) -> Result<T, CallError<E>>
    where
        T: 'static,
        E: Display + 'static,
        F: AsyncFn(Attempt<'_>) -> Result<T, E> + 'static,
    {
        self.run(Closure::new(attempt, false)).await.result
    }

    /// Makes a call as [`call`](Self::call) does, and returns all that became of it.
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn report<T, E, F>(&self, attempt: F) -> CallReport<T, E>
    where
        T: 'static,
        E: Display + 'static,
        F: AsyncFn(Attempt<'_>) -> Result<T, E> + 'static,
    {
        self.run(Closure::new(attempt, true)).await
    }

    /// Makes a call of `operation`, and returns all that became of it.
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub fn run<O: Operation>(&self, operation: O) -> impl Future<Output = ReportOf<O>> {
        self.run_with(CallOptions::new(), operation)
    }

    /// As [`run`](Self::run), with what the caller says about this call.
    ///
    /// # Panics
    /// As [`call`](Self::call).
    #[expect(clippy::manual_async_fn, reason = "an async fn's future stores its arguments twice")]
    pub fn run_with<O: Operation>(
        &self,
        options: CallOptions,
        operation: O,
    ) -> impl Future<Output = ReportOf<O>> {
        async move {
            // Before the clock is read: the policies may have been changed after that.
            let policies = self.current.load_for(options);
            let started = clock::now();
            let answer = match enter(&policies, started, options) {
                Ok(place) => begin(policies, options, started, operation, place),
                Err(rejection) => {
                    return self.rejected(&policies, options, started, &operation, rejection);
                }
            };
            answer.await.unwrap_or_else(|_| self.unanswered(options.id, started, CallError::Lost))
        }
    }

    /// As [`run_with`](Self::run_with). If the call was rejected or its last attempt was neither a success nor a client
    /// error, asks `fallback` for an answer to put in place of the result: see [`CallReport::fallback`]. A `fallback`
    /// that panics has none. It is not asked if the caller leaves.
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn run_or<O: Operation>(
        &self,
        options: CallOptions,
        operation: O,
        fallback: impl FnOnce(&ReportOf<O>) -> Option<O::Answer>,
    ) -> ReportOf<O> {
        let report = self.run_with(options, operation).await;
        fallback::apply::<O>(&self.current.common.observers, report, fallback)
    }

    #[cfg(feature = "tower")]
    pub(crate) fn policies(&self, options: CallOptions) -> Arc<Policies> {
        self.current.load_for(options)
    }

    /// The report on a call that was rejected before it began.
    #[cold]
    fn rejected<O: Operation>(
        &self,
        policies: &Policies,
        CallOptions { id, retries, .. }: CallOptions,
        started: Instant,
        operation: &O,
        rejection: Rejection,
    ) -> ReportOf<O> {
        let rejected = Observation::Rejected { call: id, rejection: &rejection };
        policies.common.observers.tell(&rejected);
        let report = self.unanswered(id, started, rejection.into());
        let CallReport { result, attempts, state, elapsed, .. } = &report;
        let (state, elapsed, answered) = (self.breaker().map(|_| *state), *elapsed, true);
        let ending = Ending { result, attempts, state, elapsed, retries, answered };
        about(operation, id, |call| tell_end(policies, call, ending));
        report
    }

    fn unanswered<R, E>(
        &self,
        id: CallId,
        started: Instant,
        error: CallError<E>,
    ) -> CallReport<R, E> {
        let (state, elapsed) = (self.state(), clock::now() - started);
        let (result, attempts, fallback, retry_refused) = (Err(error), Vec::new(), false, false);
        CallReport { id, result, fallback, attempts, retry_refused, state, elapsed }
    }

    /// The upstream's name.
    pub fn name(&self) -> &Arc<str> {
        &self.current.common.name
    }

    /// The circuit breaker, if the upstream has one.
    pub fn breaker(&self) -> Option<&Breaker> {
        self.current.common.breaker.as_ref()
    }

    /// The limit on calls, if the upstream has one.
    pub fn limit(&self) -> Option<&CallLimit> {
        self.current.common.limit.as_deref()
    }

    /// The limit on attempts in flight, if the upstream has one now.
    pub fn concurrency(&self) -> Option<ConcurrencyLimit> {
        self.current.load().concurrency.clone()
    }

    /// The state of the optional policies.
    pub fn snapshot(&self) -> PolicySnapshot {
        PolicySnapshot::of(&self.current.load())
    }

    /// How calls that begin now are made.
    pub fn config(&self) -> CallConfig {
        self.current.load().config.clone()
    }

    /// The published state of the circuit: [`State::Closed`] if the upstream has no circuit breaker.
    pub fn state(&self) -> State {
        self.breaker().map_or(State::Closed, Breaker::state)
    }

    /// Returns when the breaker's actor or the current thread's scheduler is gone, so a service should end. The future
    /// keeps neither alive. A scheduler that died is replaced at the next call on its thread.
    ///
    /// # Panics
    /// On a thread that runs neither an actix system nor a tokio `LocalSet`.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let (breaker, scheduler) =
            (self.breaker().map(Breaker::stopped), current_thread::stopped());
        async move {
            match breaker {
                Some(breaker) => tokio::select! { () = breaker => {} () = scheduler => {} },
                None => scheduler.await,
            }
        }
    }
}
