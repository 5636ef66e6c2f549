//! The upstreams that the gateway passes requests on to, with their policies.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::http::Method;
use resilience_actors::{
    Breaker, CallLimit, CallOptions, InvalidConfig, Upstream,
    events::{DEFAULT_CAPACITY, EventLog},
};
use service_edge::AdminToken;

use super::{default_headers::DefaultHeaders, file::UpstreamConfig};
use crate::{config::LivePolicies, transport::ConnectionSettings, upstream_url::UpstreamUrl};

/// The upstreams of the process, by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct GatewayUpstreams(Arc<BTreeMap<String, Arc<GatewayUpstream>>>);

impl GatewayUpstreams {
    /// Starts the upstreams, with their breakers on `arbiter`. `limit` is that of all calls of the process.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub fn start(
        configs: Vec<UpstreamConfig>,
        arbiter: &actix_rt::ArbiterHandle,
        limit: &CallLimit,
    ) -> Result<Self, InvalidConfig> {
        let started = configs.into_iter().map(|config| {
            let upstream = GatewayUpstream::start(config, arbiter, limit)?;
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
    upstream: Upstream,
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
    ) -> Result<Self, InvalidConfig> {
        let policies = &config.settings.policies;
        let events = EventLog::new(config.name.as_str(), DEFAULT_CAPACITY);
        let breaker = Breaker::start_recording_on(policies.breaker.clone(), events, arbiter);
        let upstream = Upstream::builder(config.name.as_str())
            .settings(policies.calls.settings())
            .breaker(breaker)
            .limit(limit.clone())
            .start()?;
        Ok(Self { policies: LivePolicies::new(&config.settings), config, upstream })
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

    /// How the call of a request is made. `path` is the request's path behind the upstream's name, raw.
    pub fn options(&self, method: &Method, path: &str) -> RouteOptions {
        let route = self.config.routes.iter().find(|route| route.fits(method, path));
        RouteOptions {
            options: CallOptions::default(),
            idempotent: route.is_some_and(|route| route.idempotent),
        }
    }
}
