//! The gateway of one worker: takes a request, makes its call, and answers it.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, WWW_AUTHENTICATE},
    web::Payload,
};
use resilience_actors::CallOptions;
use service_edge::{ApiError, Drain, TraceContext, limit_body_pauses};

use super::{
    answering,
    body::BodyLimits,
    cache::RequestKey,
    call_record::{CallRecord, Ended},
    endpoints::{CallEndpoints, Clients},
    forwarded::Pseudonym,
    passed_answer::Report,
    passing::{Passing, PassingBody},
    quota::Quota,
    repeatable::is_idempotent,
    request_headers::{Gateway, UPSTREAM_TOKEN},
    response_headers::CallHeaders,
    reuse::Reusable,
    table::GatewayUpstreams,
    target::Target,
    upstreams::GatewayUpstream,
};
use crate::{config::Config, transport::ConnectionBudget};

/// What the gateways of all workers share.
#[derive(Debug, Clone)]
pub struct GatewayShared {
    /// The upstreams.
    pub upstreams: GatewayUpstreams,
    /// What the gateway knows of itself.
    pub gateway: Gateway,
    /// The limits of bodies.
    pub limits: BodyLimits,
    /// The connections of the process.
    pub connections: ConnectionBudget,
    /// Ends streams of events.
    pub drain: Drain,
}

impl GatewayShared {
    /// With the settings of the process, and as many streams as its descriptors allow. The name in `Via` is the pod's
    /// and a random number: gateways behind each other differ, also where no pod has a name.
    pub fn new(
        config: &Config,
        upstreams: GatewayUpstreams,
        connections: ConnectionBudget,
        max_streams: usize,
        drain: Drain,
    ) -> Self {
        let settings = &config.gateway;
        let gateway = Gateway {
            pseudonym: Pseudonym::new(&format!("{}-{:08x}", config.pod, rand::random::<u32>())),
            trusted_proxies: settings.trusted_proxies.clone(),
        };
        let limits = BodyLimits {
            retry_body_bytes: settings.retry_body_bytes,
            replay: Quota::new(settings.replay_bytes),
            streams: Quota::new(max_streams),
        };
        Self { upstreams, gateway, limits, connections, drain }
    }
}

/// The gateway of one worker.
pub struct GatewayWorker {
    shared: GatewayShared,
    clients: Rc<Clients>,
}

/// A request, and what its headers say for the gateway.
pub struct Received {
    /// The request.
    pub request: HttpRequest,
    /// Its body.
    pub payload: Payload,
    /// The span of the call.
    pub span: TraceContext,
    /// The time that the caller has left.
    pub time_left: Option<Duration>,
}

/// What the call of a request has come to.
struct Passed {
    response: HttpResponse,
    attempts: usize,
    /// The time since the answer arrived, if it is a kept one.
    stale: Option<Duration>,
}

/// The call of a request.
struct Prepared {
    options: CallOptions,
    operation: Passing,
    /// `None` if it needs an answer of its own.
    reusable: Option<Reusable>,
}

impl From<ApiError> for Passed {
    /// No attempt was made.
    fn from(error: ApiError) -> Self {
        Self { response: error.error_response(), attempts: 0, stale: None }
    }
}

impl GatewayWorker {
    /// Opens no connection.
    pub fn new(shared: GatewayShared) -> Self {
        let clients = Clients::new(shared.connections.clone());
        Self { shared, clients }
    }

    /// Passes a request on, and returns the answer, whose body is passed on while it arrives.
    ///
    /// # Errors
    /// The request is for no upstream, or not allowed.
    pub async fn pass_on(&self, received: Received) -> Result<HttpResponse, ApiError> {
        let request = received.request.clone();
        let target = Target::of(request.method(), request.uri())?;
        let upstream = self.shared.upstreams.find(target.upstream).ok_or_else(|| {
            ApiError::not_found(format!("there is no upstream {}", target.upstream))
        })?;
        let passed = self.passed(&target, &upstream, received).await;
        let Passed { mut response, attempts, stale } = passed.unwrap_or_else(Passed::from);
        let headers = CallHeaders {
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            state: &upstream.upstream().state().to_string(),
            upstream: upstream.name(),
            stale,
        };
        headers.set_on(response.headers_mut());
        Ok(response)
    }

    async fn passed(
        &self,
        target: &Target<'_>,
        upstream: &GatewayUpstream,
        received: Received,
    ) -> Result<Passed, ApiError> {
        let (span, time_left) = (received.span, received.time_left);
        let Prepared { options, operation, reusable } =
            self.prepare(target, upstream, received).await?;
        let (call, limits) = (options.id(), &self.shared.limits);
        let mut record = CallRecord::begin(upstream, call, span, time_left);
        let report = match upstream.reuse() {
            // Boxed to keep the future small for calls without these policies.
            Some(reuse) => {
                let made = (options, operation);
                Box::pin(reuse.call(upstream.upstream(), limits, made, reusable)).await
            }
            None => upstream.upstream().run_with(options, operation).await,
        };
        record.count(&report);
        let Report { id, result, attempts, retry_refused, .. } = report;
        let mut stale = None;
        let response = match result {
            Ok(answer) => {
                let age = answer.stale;
                match answering::answer(answer, upstream, limits, &self.shared.drain) {
                    Ok(response) => {
                        stale = age;
                        response
                    }
                    Err(error) => error.error_response(),
                }
            }
            Err(error) => answering::refusal(&error, upstream).error_response(),
        };
        let (status, coalesced_with) = (response.status(), (id != call).then_some(id));
        let made = attempts.len();
        record.finish(&Ended { status, attempts, retry_refused, stale, coalesced_with });
        Ok(Passed { response, attempts: made, stale })
    }

    /// The call of a request that may be passed on. Receives the body, or its beginning.
    async fn prepare(
        &self,
        target: &Target<'_>,
        upstream: &GatewayUpstream,
        Received { request, payload, span, time_left }: Received,
    ) -> Result<Prepared, ApiError> {
        require_token(&request, upstream)?;
        let priority = upstream.priority(request.headers())?;
        let uri = target.at(&upstream.url().join("/"))?;
        let gateway = &self.shared.gateway;
        let headers = gateway.request_headers(&request, &uri, upstream.headers(), span)?;
        let reusable = upstream.reuse().and_then(|_| {
            let key = RequestKey::of(request.method(), &uri, request.headers(), &headers)?;
            // A shared call has one deadline, and its callers would have several.
            Some(Reusable { key, may_share: time_left.is_none() })
        });
        let route = upstream.options(request.method(), target.path);
        let body = self.shared.limits.receive(request.headers(), payload).await?;
        let announced = [CONTENT_LENGTH, TRANSFER_ENCODING];
        let announced = announced.iter().any(|name| request.headers().contains_key(name));
        let body = PassingBody::new(body, announced);
        let mut options = route.options.priority(priority);
        if let Some(time_left) = time_left {
            options = options.time_left(time_left);
        }
        if body.is_streamed() {
            limit_body_pauses(&request, upstream.body_idle_timeout());
            options = options.without_retries();
        }
        let may_repeat = is_idempotent(request.method(), &headers, route.idempotent);
        let operation = Passing {
            endpoints: CallEndpoints::new(upstream.endpoints().clone(), Rc::clone(&self.clients)),
            upstream: Arc::clone(upstream.upstream().name()),
            method: request.method().clone(),
            uri,
            headers,
            span,
            idempotent: may_repeat && !body.is_streamed(),
            body_idle_timeout: upstream.body_idle_timeout(),
            body,
        };
        Ok(Prepared { options, operation, reusable })
    }
}

fn require_token(request: &HttpRequest, upstream: &GatewayUpstream) -> Result<(), ApiError> {
    let Some(token) = upstream.token() else { return Ok(()) };
    let mut values = request.headers().get_all(UPSTREAM_TOKEN);
    let (first, second) = (values.next().and_then(|value| value.to_str().ok()), values.next());
    if second.is_none() && first.is_some_and(|presented| token.matches(presented)) {
        return Ok(());
    }
    let message =
        format!("upstream {} needs its token: X-Upstream-Token: <token>", upstream.name());
    Err(ApiError::unauthorized(message).with_header(WWW_AUTHENTICATE, "X-Upstream-Token"))
}
