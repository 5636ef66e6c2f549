//! The layer, and the service that it makes.

use std::{
    fmt::Display,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    call,
    classify::{Classify, OkIsSuccess},
    shared::SharedByLayer,
};
use crate::{
    chaos::Chaos, config::InvalidConfig, report::CallError, settings::CallSettings,
    upstream::Upstream,
};

/// Puts the policies of an [`Upstream`] around a tower service: see the [module](super).
#[derive(Debug)]
pub struct ResilienceLayer<C = OkIsSuccess>(Arc<SharedByLayer<C>>);

impl ResilienceLayer {
    /// A layer with the policies of `upstream`. All services that it makes, and their clones, share them.
    ///
    /// # Errors
    /// The upstream has `retry`, `retry_budget`, `hedge`, `connect_retries` or `chaos`. The layer makes one attempt for
    /// each request; tower's own layers repeat requests, outside of this one. It injects no faults.
    pub fn new(upstream: &Upstream) -> Result<Self, InvalidConfig> {
        check(&upstream.config())?;
        let (upstream, classifier) = (upstream.clone(), OkIsSuccess);
        Ok(Self(Arc::new(SharedByLayer { upstream, classifier })))
    }

    /// Says what results mean: a closure, [`HttpStatus`](super::HttpStatus), or a [`Classify`] of your own.
    pub fn classify<C>(self, classifier: C) -> ResilienceLayer<C> {
        let upstream = self.0.upstream.clone();
        ResilienceLayer(Arc::new(SharedByLayer { upstream, classifier }))
    }
}

/// Refuses settings that would have no effect.
fn check(settings: &CallSettings) -> Result<(), InvalidConfig> {
    let CallSettings { retry, retry_budget, hedge, connect_retries, chaos, .. } = settings;
    for (field, value) in [
        ("retry", retry.as_ref().map(|retry| retry.max_attempts.to_string())),
        ("retry_budget", retry_budget.as_ref().map(|budget| budget.retry_budget.to_string())),
        ("hedge", hedge.as_ref().map(|hedge| hedge.hedge_max.to_string())),
        ("connect_retries", Some(connect_retries.to_string()).filter(|_| *connect_retries > 0)),
        ("chaos", chaos.as_ref().map(Chaos::to_string)),
    ] {
        if let Some(value) = value {
            const ALLOWED: &str = "none, as a tower layer makes one attempt and injects no faults";
            return Err(InvalidConfig::new(field, value, ALLOWED.to_owned()));
        }
    }
    Ok(())
}

// Not derived, because the classifier need not be `Clone`.
impl<C> Clone for ResilienceLayer<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, C> Layer<S> for ResilienceLayer<C> {
    type Service = Resilience<S, C>;

    fn layer(&self, inner: S) -> Resilience<S, C> {
        Resilience { inner, shared: Arc::clone(&self.0) }
    }
}

/// A tower service behind the policies of an upstream: see the [module](super).
#[derive(Debug)]
pub struct Resilience<S, C = OkIsSuccess> {
    inner: S,
    shared: Arc<SharedByLayer<C>>,
}

impl<S: Clone, C> Clone for Resilience<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S, C, Request> Service<Request> for Resilience<S, C>
where
    S: Service<Request, Future: Send, Response: Send + 'static, Error: Display + Send + 'static>
        + Clone
        + Send
        + 'static,
    C: Classify<Request, S::Response, S::Error>,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = CallError<S::Error>;
    type Future = BoxFuture<'static, Result<S::Response, Self::Error>>;

    /// Ready when the inner service is. The policies are asked in [`call`](Self::call), whose future may wait for a
    /// token or a place.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(CallError::Transport)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The clone is not ready, so the service that is goes with the request.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        call::make(Arc::clone(&self.shared), ready, request).boxed()
    }
}
