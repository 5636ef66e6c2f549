//! A tower service that answers as each request says, behind a layer.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use resilience_actors::{
    CallError, CallOptions, Observation, Observer, Outcome, Rejection, RejectionKind, Upstream,
    UpstreamBuilder, Verdict,
    adapters::tower::{Classify, Resilience, ResilienceLayer},
};
use tower::{Layer as _, Service, ServiceExt as _};

/// What a request meets, and what its caller says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    outcome: Outcome,
    takes: Duration,
    options: CallOptions,
}

impl Request {
    pub(crate) fn that(outcome: Outcome) -> Self {
        Self { outcome, takes: Duration::ZERO, options: CallOptions::new() }
    }

    pub(crate) fn takes(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    pub(crate) fn says(self, options: CallOptions) -> Self {
        Self { options, ..self }
    }
}

/// A request that succeeds at once.
pub(crate) fn good() -> Request {
    Request::that(Outcome::Success)
}

/// A request that fails at once.
pub(crate) fn bad() -> Request {
    Request::that(Outcome::ServerError)
}

/// Answers with the outcome of the request. [`Outcome::Unreachable`] is an error, [`Outcome::Panicked`] a panic.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    /// Number of requests that arrived.
    seen: Arc<AtomicUsize>,
    /// Readiness belongs to one service, not to its clones.
    is_ready: bool,
}

impl Clone for Upstreams {
    fn clone(&self) -> Self {
        Self { seen: Arc::clone(&self.seen), is_ready: false }
    }
}

impl Service<Request> for Upstreams {
    type Response = Outcome;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, &'static str>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
        self.seen.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            tokio::time::sleep(request.takes).await;
            match request.outcome {
                Outcome::Unreachable => Err("connection refused"),
                Outcome::Panicked => std::panic::resume_unwind(Box::new("as the request says")),
                outcome => Ok(outcome),
            }
        })
    }
}

/// Takes an answer at its word, and a request's options.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AtItsWord;

impl Classify<Request, Outcome, &'static str> for AtItsWord {
    fn classify(&self, result: &Result<Outcome, &'static str>) -> Verdict {
        let refused_for = Some(Duration::from_secs(5));
        match result {
            Ok(Outcome::Throttled) => {
                Verdict { retry_after: refused_for, ..Outcome::Throttled.into() }
            }
            Ok(outcome) => (*outcome).into(),
            Err(_) => Outcome::Unreachable.into(),
        }
    }

    fn options(&self, request: &Request) -> CallOptions {
        request.options
    }
}

/// What a request ended with.
pub(crate) type Answer = Result<Outcome, CallError<&'static str>>;

/// A service behind the policies of an upstream.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) upstream: Upstream,
    service: Resilience<Upstreams, AtItsWord>,
    seen: Arc<AtomicUsize>,
    pub(crate) told: Told,
}

impl Lab {
    pub(crate) fn new(upstream: UpstreamBuilder) -> Self {
        let told = Told::default();
        let upstream = upstream.observer(Arc::new(told.clone())).start().unwrap();
        Self::of(&upstream, told)
    }

    pub(crate) fn of(upstream: &Upstream, told: Told) -> Self {
        let service = Upstreams::default();
        let seen = Arc::clone(&service.seen);
        let layer = ResilienceLayer::new(upstream).unwrap().classify(AtItsWord);
        Self { upstream: upstream.clone(), service: layer.layer(service), seen, told }
    }

    pub(crate) fn call(&self, request: Request) -> impl Future<Output = Answer> + Send + use<> {
        self.service.clone().oneshot(request)
    }

    /// Number of requests that reached the service.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }

    /// Attempts in flight, and attempts that wait for a place.
    pub(crate) fn in_flight_and_queued(&self) -> (usize, usize) {
        let limit = self.upstream.concurrency().unwrap().snapshot();
        (limit.in_flight, limit.queued)
    }
}

/// The gate that has rejected a request.
pub(crate) fn rejection(answer: &Answer) -> Option<RejectionKind> {
    match answer {
        Err(CallError::Rejected(rejection)) => Some(Rejection::kind(rejection)),
        _ => None,
    }
}

/// What observers are told of calls, in short.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Told {
    fn observe(&self, observation: &Observation<'_>) {
        let line = match observation {
            Observation::Transition { transition, .. } => {
                format!("{} -> {}", transition.from, transition.to)
            }
            Observation::Admitted { attempt, .. } => format!("admitted {attempt}"),
            Observation::Rejected { rejection, .. } => format!("rejected by {}", rejection.gate()),
            Observation::AttemptEnded { attempt, .. } => format!("attempt {:?}", attempt.outcome),
            Observation::CallEnded(ended) => format!("call {:?}", ended.outcome),
            Observation::CallAbandoned { .. } => "abandoned".to_owned(),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}
