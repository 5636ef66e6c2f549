//! The upstreams that the gateway passes requests on to, with their policies.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::http::{Method, header::HeaderMap};
use resilience_actors::{
    Breaker, CallLimit, CallOptions, InvalidConfig, Priority, ReconfigureError, Upstream,
    events::{DEFAULT_CAPACITY, EventLog},
};
use service_edge::{AdminToken, ApiError};

use super::{default_headers::DefaultHeaders, file::UpstreamConfig};
use crate::{
    metrics::CallMetrics,
    policy_settings::{LivePolicies, Policies},
    priority, probes,
    stats::Tally,
    transport::ConnectionSettings,
    upstream_url::UpstreamUrl,
    upstreams::Attempts,
};

/// The upstreams of the process, by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct GatewayUpstreams(Arc<BTreeMap<String, Arc<GatewayUpstream>>>);

impl GatewayUpstreams {
    /// Starts the upstreams, with their breakers on `arbiter`. `limit` is that of all calls of the process. Attempts are
    /// counted in `metrics`.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub fn start(
        configs: Vec<UpstreamConfig>,
        arbiter: &actix_rt::ArbiterHandle,
        limit: &CallLimit,
        metrics: &CallMetrics,
    ) -> Result<Self, InvalidConfig> {
        let started = configs.into_iter().map(|config| {
            let upstream = GatewayUpstream::start(config, arbiter, limit, metrics)?;
            Ok((upstream.name().to_owned(), Arc::new(upstream)))
        });
        Ok(Self(Arc::new(started.collect::<Result<_, InvalidConfig>>()?)))
    }

    /// The upstream of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<GatewayUpstream>> {
        self.0.get(name)
    }

    /// All upstreams, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<GatewayUpstream>> {
        self.0.values()
    }
}

/// One upstream.
#[derive(Debug)]
pub struct GatewayUpstream {
    config: UpstreamConfig,
    policies: LivePolicies,
    breaker: Breaker,
    upstream: Upstream,
    tally: Arc<Tally>,
}

/// How the call of one request is made.
#[derive(Debug, Clone)]
pub struct RouteOptions {
    /// The settings of the request's route.
    pub options: CallOptions,
    /// The route says that the request may be repeated, whatever its method.
    pub idempotent: bool,
}

impl GatewayUpstream {
    fn start(
        config: UpstreamConfig,
        arbiter: &actix_rt::ArbiterHandle,
        limit: &CallLimit,
        metrics: &CallMetrics,
    ) -> Result<Self, InvalidConfig> {
        let routes = config.routes.iter().map(|route| (route.given.clone(), route.calls.clone()));
        let policies = LivePolicies::with_routes(&config.settings, routes);
        let (in_force, name) = (policies.load(), config.name.as_str());
        let events = EventLog::new(name, DEFAULT_CAPACITY);
        let breaker = Breaker::start_recording_on(in_force.breaker.clone(), events, arbiter);
        let tally = Arc::<Tally>::default();
        let attempts = Attempts { tally: Arc::clone(&tally), metrics: metrics.named(name) };
        let upstream = Upstream::builder(name)
            .settings(in_force.call_settings())
            .breaker(breaker.clone())
            .limit(limit.clone())
            .observer(Arc::new(attempts))
            .start()?;
        if let Some(probe) = &in_force.probe {
            probes::start(&config.url, &config.connections, probe, &breaker)?;
        }
        Ok(Self { config, policies, breaker, upstream, tally })
    }

    /// Its name in the file, in paths and in metrics.
    pub fn name(&self) -> &str {
        self.upstream.name()
    }

    /// Where it is.
    pub fn url(&self) -> &UpstreamUrl {
        &self.config.url
    }

    /// How connections to it are made.
    pub fn connections(&self) -> &ConnectionSettings {
        &self.config.connections
    }

    /// Headers that each request gets.
    pub fn headers(&self) -> &DefaultHeaders {
        &self.config.headers
    }

    /// If set, callers need it.
    pub fn token(&self) -> Option<&AdminToken> {
        self.config.token.as_ref()
    }

    /// Maximum time without progress of a body, in each direction.
    pub fn body_idle_timeout(&self) -> Duration {
        self.config.body_idle_timeout
    }

    /// The settings of the policies, which can change at run time.
    pub fn policies(&self) -> &LivePolicies {
        &self.policies
    }

    /// The policies.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Its circuit breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Counts its calls.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Puts other settings in force: all of them, or none.
    ///
    /// # Errors
    /// A setting breaks its rule, or the breaker's actor is gone.
    pub async fn reconfigure(&self, policies: &Policies) -> Result<(), ReconfigureError> {
        let (calls, breaker) = (policies.call_settings(), (*policies.breaker).clone());
        self.upstream.reconfigure_with_breaker(calls, breaker).await
    }

    /// How important a request is, by the header that `priority_header` names.
    ///
    /// # Errors
    /// The header is no priority.
    pub fn priority(&self, headers: &HeaderMap) -> Result<Priority, ApiError> {
        priority::read(headers, self.policies.load().calls.priority_header.as_ref())
    }

    /// How the call of a request is made. `path` is the request's path behind the upstream's name, raw.
    pub fn options(&self, method: &Method, path: &str) -> RouteOptions {
        let routes = &self.config.routes;
        let Some(index) = routes.iter().position(|route| route.fits(method, path)) else {
            return RouteOptions { options: CallOptions::new(), idempotent: false };
        };
        // The file has fewer routes.
        let variant = u16::try_from(index).unwrap_or(u16::MAX);
        RouteOptions {
            options: CallOptions::new().variant(variant),
            idempotent: routes[index].idempotent,
        }
    }
}
