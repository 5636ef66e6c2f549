//! The middleware.

use std::{cell::Cell, fmt, rc::Rc, sync::Arc};

use actix_web::{
    Error, ResponseError as _,
    body::{BoxBody, EitherBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use futures::future::{LocalBoxFuture, Ready, ready};
use tokio::sync::oneshot;

use super::{
    handling::{Handling, NoResponse},
    refusal::Refusal,
};
use crate::{config::InvalidConfig, options::CallOptions, report::CallError, upstream::Upstream};

/// A middleware that limits the requests to the handlers inside it. A cheap handle: clone it for each worker.
#[derive(Clone)]
pub struct Protect {
    upstream: Upstream,
    options: Arc<Options>,
}

type Options = dyn Fn(&ServiceRequest) -> CallOptions + Send + Sync;

impl Protect {
    /// Limits requests by the upstream's limit on calls, rate limit, concurrency limit, time limits and gates.
    ///
    /// # Errors
    /// The upstream has a policy that would run a handler again or makes no sense for handlers: retries, hedges,
    /// connect retries, a circuit breaker, throttling or quiet periods.
    pub fn new(upstream: Upstream) -> Result<Self, InvalidConfig> {
        let config = upstream.config();
        for (field, is_set) in [
            ("retry", config.retry.is_some()),
            ("hedge", config.hedge.is_some()),
            ("connect_retries", config.connect_retries > 0),
            ("breaker", upstream.breaker().is_some()),
            ("throttle", config.throttle.is_some()),
            ("quiet_period", config.quiet_period.is_some()),
        ] {
            if is_set {
                let allowed = "none for handlers of one's own".to_owned();
                return Err(InvalidConfig::new(field, "set", allowed));
            }
        }
        Ok(Self { upstream, options: Arc::new(|_| CallOptions::new()) })
    }

    /// Asks `options` for the options of each request: its priority or the time that its client has left, for instance.
    ///
    /// ```
    /// # use resilience_actors::{CallOptions, Concurrency, Priority, Upstream};
    /// # use resilience_actors::adapters::actix_web::Protect;
    /// # let limits = Concurrency::at_most(10).queue(10).priorities();
    /// # let limits = Upstream::builder("server").concurrency(limits).start().unwrap();
    /// let protect = Protect::new(limits)?.options(|request| {
    ///     let level = request.headers().get("x-request-priority");
    ///     let level = level.and_then(|level| level.to_str().ok()?.parse().ok());
    ///     CallOptions::new().priority(level.and_then(Priority::from_level).unwrap_or_default())
    /// });
    /// # Ok::<(), resilience_actors::InvalidConfig>(())
    /// ```
    #[must_use]
    pub fn options(
        self,
        options: impl Fn(&ServiceRequest) -> CallOptions + Send + Sync + 'static,
    ) -> Self {
        Self { options: Arc::new(options), ..self }
    }
}

impl fmt::Debug for Protect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protect").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for Protect
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, BoxBody>>;
    type Error = Error;
    type Transform = ProtectService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ProtectService { protect: self.clone(), service: Rc::new(service) }))
    }
}

/// The service that [`Protect`] makes of the one inside it.
#[derive(Debug)]
pub struct ProtectService<S> {
    protect: Protect,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for ProtectService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, BoxBody>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let options = (self.protect.options)(&request);
        let (upstream, service) = (self.protect.upstream.clone(), Rc::clone(&self.service));
        Box::pin(async move {
            let request = Rc::new(Cell::new(Some(request)));
            // Dropped with this future, when the client leaves.
            let (_client, left) = oneshot::channel();
            let handling = Handling::new(service, Rc::clone(&request), left);
            let error = match upstream.run_with(options, handling).await.result {
                Ok(response) => return Ok(response.map_into_left_body()),
                Err(CallError::Transport(NoResponse::Failed(error))) => return Err(error),
                Err(error) => Refusal::from(error),
            };
            match request.take() {
                // As a response and not as an error, so that middlewares outside this one, such as a log, see it.
                Some(request) => {
                    Ok(request.into_response(error.error_response()).map_into_right_body())
                }
                None => Err(error.into()),
            }
        })
    }
}
