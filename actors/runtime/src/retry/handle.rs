//! The retry scheduler as its callers see it.

use std::{
    cell::{OnceCell, RefCell},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use actix::{Actor as _, Addr};
use rand::{SeedableRng as _, rngs::SmallRng};
use tokio::sync::{oneshot, watch};

use super::{
    actor::RetryActor,
    attempt::{Shared, count_end, log_end},
    backoff::spread,
    config::RetryConfig,
    messages::{Abandon, Call, ReportOf},
};
use crate::{
    breaker::{Breaker, State},
    call::{CallError, CallId, CallReport, Protection},
    clock,
    lifeline::ended,
    limit::{CallLimit, CallSlot},
    rejection::Rejection,
    transport::Transport,
};

/// A retry scheduler: a cheap handle on its actor, shared by cloning.
///
/// Start one per worker, since its [`Transport`] need not be `Send`; let all of them share one
/// [`Breaker`] and one [`CallLimit`].
pub struct Scheduler<T: Transport> {
    actor: Addr<RetryActor<T>>,
    breaker: Breaker,
    limit: CallLimit,
    config: RetryConfig,
    /// For the callers that it turns away itself.
    rng: Arc<Mutex<SmallRng>>,
    alive: watch::Receiver<()>,
}

impl<T: Transport> Scheduler<T> {
    /// Starts a scheduler on the current arbiter.
    ///
    /// # Panics
    /// Outside an actix system.
    pub fn start(transport: T, config: RetryConfig, breaker: Breaker, limit: CallLimit) -> Self {
        Self::start_with(transport, config, breaker, limit, rand::make_rng())
    }

    /// Starts a scheduler whose jitter is the same for the same `seed`, for tests.
    ///
    /// # Panics
    /// Outside an actix system.
    pub fn start_seeded(
        transport: T,
        config: RetryConfig,
        breaker: Breaker,
        limit: CallLimit,
        seed: u64,
    ) -> Self {
        Self::start_with(transport, config, breaker, limit, SmallRng::seed_from_u64(seed))
    }

    fn start_with(
        transport: T,
        config: RetryConfig,
        breaker: Breaker,
        limit: CallLimit,
        mut rng: SmallRng,
    ) -> Self {
        let own_rng = Arc::new(Mutex::new(SmallRng::from_rng(&mut rng)));
        let shared = Shared {
            transport,
            config: config.clone(),
            breaker: breaker.clone(),
            rng: RefCell::new(rng),
            scheduler: OnceCell::new(),
        };
        let (alive_tx, alive) = watch::channel(());
        let actor = RetryActor::new(shared, alive_tx).start();
        Self { actor, breaker, limit, config, rng: own_rng, alive }
    }

    /// Makes a call and waits for what becomes of it.
    ///
    /// Dropping the future abandons the call: no further attempt is begun. An attempt in flight
    /// runs to its end, keeps its place under the limit, and reports to the breaker.
    pub fn call(
        &self,
        request: T::Request,
        protection: Protection,
    ) -> impl Future<Output = ReportOf<T>> {
        self.call_as(CallId::next(), request, protection)
    }

    /// As [`call`](Self::call), under a number that the caller knows from the beginning: a
    /// [`next`](CallId::next) one, used for one call.
    pub async fn call_as(
        &self,
        id: CallId,
        request: T::Request,
        protection: Protection,
    ) -> ReportOf<T> {
        let started = clock::now();
        let Some(slot) = self.limit.try_acquire() else {
            let rejection = Rejection::overloaded();
            self.breaker.count_rejection(rejection.kind());
            return self.unanswered(id, started, rejection.into());
        };
        // An open circuit is known here: nobody need be asked.
        if protection.asks_breaker()
            && let Some(rejection) = self.breaker.turned_away()
        {
            return self.turned_away(id, started, protection, rejection);
        }
        let (mut caller, answer) = self.begin(id, started, request, protection, slot);
        let report = answer.await;
        caller.call = None;
        report.unwrap_or_else(|_| self.unanswered(id, started, CallError::Lost))
    }

    /// Not a part of [`call_as`](Self::call_as), whose future would have room for the whole call for as long
    /// as it waits.
    fn begin(
        &self,
        id: CallId,
        started: Instant,
        request: T::Request,
        protection: Protection,
        slot: CallSlot,
    ) -> (Caller<'_, T>, oneshot::Receiver<ReportOf<T>>) {
        let (reply, answer) = oneshot::channel();
        let deadline = started + self.config.call_deadline;
        let attempts = Vec::new();
        self.actor.do_send(Call {
            id,
            request,
            protection,
            started,
            deadline,
            attempts,
            pending: None,
            reply,
            slot,
        });
        (Caller { actor: &self.actor, call: Some(id) }, answer)
    }

    /// The breaker that its calls go through.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The limit that its calls count under.
    pub fn limit(&self) -> &CallLimit {
        &self.limit
    }

    /// The configuration.
    pub fn config(&self) -> &RetryConfig {
        &self.config
    }

    /// The published state of the circuit.
    pub fn state(&self) -> State {
        self.breaker.state()
    }

    /// Returns when the actor is gone. Calls fail with [`CallError::Lost`] from then on, so a
    /// service should end. The future does not keep it alive.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<T> {
        ended(self.alive.clone())
    }

    fn turned_away(
        &self,
        id: CallId,
        started: Instant,
        protection: Protection,
        rejection: Rejection,
    ) -> ReportOf<T> {
        let spread = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            spread(rejection.retry_after(), &mut *rng)
        };
        let report = self.unanswered(id, started, rejection.delayed_by(spread).into());
        count_end(&self.breaker, protection, &report);
        log_end(&report, || None);
        report
    }

    fn unanswered(&self, id: CallId, started: Instant, error: CallError<T::Error>) -> ReportOf<T> {
        let (state, elapsed) = (self.state(), clock::now() - started);
        CallReport { id, result: Err(error), attempts: Vec::new(), state, elapsed }
    }
}

impl<T: Transport> Clone for Scheduler<T> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
            breaker: self.breaker.clone(),
            limit: self.limit.clone(),
            config: self.config.clone(),
            rng: Arc::clone(&self.rng),
            alive: self.alive.clone(),
        }
    }
}

/// Somebody who waits for a call. Tells the scheduler if they leave before the answer.
struct Caller<'a, T: Transport> {
    actor: &'a Addr<RetryActor<T>>,
    call: Option<CallId>,
}

impl<T: Transport> Drop for Caller<'_, T> {
    fn drop(&mut self) {
        if let Some(id) = self.call {
            self.actor.do_send(Abandon(id));
        }
    }
}
