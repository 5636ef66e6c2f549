//! An upstream that the gateway passes requests on to, with its policies.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use actix_rt::ArbiterHandle;
use actix_web::http::{Method, header::HeaderMap};
use futures::FutureExt as _;
use resilience_actors::{
    Breaker, CallLimit, CallOptions, InvalidConfig, Priority, ReconfigureError, Upstream,
    events::EventLog,
};
use service_edge::{AdminToken, ApiError, Drain};

use super::{
    default_headers::DefaultHeaders,
    endpoints::{Endpoints, Lookups},
    file::UpstreamConfig,
    plan::InPlace,
    reuse::Reuse,
};
use crate::{
    call_metrics::CallMetrics,
    policy_settings::{LivePolicies, Policies},
    priority, probes,
    stats::Tally,
    transport::ConnectionSettings,
    upstream_url::UpstreamUrl,
    upstreams::Attempts,
};

/// What all upstreams are started with.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where their breakers run.
    pub arbiter: ArbiterHandle,
    /// The limit of all calls of the process.
    pub limit: CallLimit,
    /// Counts their attempts.
    pub metrics: CallMetrics,
    /// The log of the events of all upstreams.
    pub events: EventLog,
    /// Looks up the names of their endpoints.
    pub lookups: Lookups,
    /// Ends the process if the actor of a breaker dies.
    pub drain: Drain,
}

/// One upstream, with the settings of one time. A call keeps those that it began with.
#[derive(Debug)]
pub struct GatewayUpstream {
    config: UpstreamConfig,
    policies: LivePolicies,
    upstream: Upstream,
    circuit: Arc<Circuit>,
    endpoints: Endpoints,
    /// `None` if `fallback` and `coalesce` are off.
    reuse: Option<Arc<Reuse>>,
}

/// What an upstream has from its start to its end, whatever its settings.
#[derive(Debug)]
struct Circuit {
    breaker: Breaker,
    tally: Arc<Tally>,
}

impl Circuit {
    /// Ends the process with an error if the breaker's actor ends while the circuit is in use.
    fn watch(self: &Arc<Self>, drain: &Drain) {
        let (stopped, circuit) = (self.breaker.stopped(), Arc::downgrade(self));
        let drain = drain.clone();
        actix_rt::spawn(async move {
            stopped.await;
            if Weak::strong_count(&circuit) > 0 {
                drain.fail("the actor of a circuit breaker died");
            }
        });
    }
}

impl Drop for Circuit {
    /// The last call of an upstream that was removed has ended.
    fn drop(&mut self) {
        self.breaker.stop();
    }
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
    /// Starts an upstream that is new.
    ///
    /// # Errors
    /// A setting breaks its rule.
    pub(super) fn start(config: UpstreamConfig, start: &Start) -> Result<Self, InvalidConfig> {
        let (policies, name) = (live_policies(&config), config.name.as_str());
        let in_force = policies.load();
        let events = start.events.for_breaker(name);
        let settings = in_force.breaker.clone();
        let breaker = Breaker::start_recording_on(settings, events, &start.arbiter);
        let tally = Arc::<Tally>::default();
        let metrics = start.metrics.named(name);
        let attempts = Attempts { tally: Arc::clone(&tally), metrics };
        let upstream = Upstream::builder(name)
            .settings(in_force.call_settings())
            .breaker(breaker.clone())
            .limit(start.limit.clone())
            .observer(Arc::new(attempts))
            .start()?;
        if let Some(probe) = &in_force.probe {
            probes::start(&config.url, &config.connections, probe, &breaker)?;
        }
        let circuit = Arc::new(Circuit { breaker, tally });
        circuit.watch(&start.drain);
        let endpoints = endpoints(&upstream, &config, start);
        let reuse = reuse(&config);
        Ok(Self { config, policies, upstream, circuit, endpoints, reuse })
    }

    /// The actor of its breaker has ended, although the upstream has not.
    pub(super) fn has_died(&self) -> bool {
        self.circuit.breaker.stopped().now_or_never().is_some()
    }

    /// The same upstream with another configuration, which differs in `differs`. Its circuit, its limits and its counts
    /// go on, and its endpoints with their connections too, unless these are made differently.
    ///
    /// # Errors
    /// The breaker's actor is gone.
    pub(super) async fn changed(
        &self,
        config: UpstreamConfig,
        differs: InPlace,
        start: &Start,
    ) -> Result<Self, ReconfigureError> {
        let (mut policies, mut upstream) = (self.policies.clone(), self.upstream.clone());
        let before = policies.load();
        if differs.policies {
            policies = live_policies(&config);
            let in_force = policies.load();
            let (calls, breaker) = (in_force.call_settings(), (*in_force.breaker).clone());
            upstream = upstream.successor(calls, breaker).await?;
        }
        let circuit = Arc::clone(&self.circuit);
        let in_force = policies.load();
        match &in_force.probe {
            Some(probe) if differs.connections => {
                probes::start(&config.url, &config.connections, probe, &circuit.breaker)?;
            }
            _ => {
                let change = [&*before, &*in_force];
                probes::change(&config.url, &config.connections, change, &circuit.breaker)?;
            }
        }
        let endpoints = if differs.connections {
            endpoints(&upstream, &config, start)
        } else {
            self.endpoints.clone()
        };
        let reuse = if differs.answers { reuse(&config) } else { self.reuse.clone() };
        Ok(Self { config, policies, upstream, circuit, endpoints, reuse })
    }

    /// The configuration, without later changes of its policies.
    pub(super) fn config(&self) -> &UpstreamConfig {
        &self.config
    }

    /// Its name in the file, in paths and in metrics.
    pub fn name(&self) -> &str {
        self.upstream.name()
    }

    /// Where it is.
    pub fn url(&self) -> &UpstreamUrl {
        &self.config.url
    }

    /// Its endpoints.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Its kept answers and shared calls. `None` if `fallback` and `coalesce` are off.
    pub fn reuse(&self) -> Option<&Arc<Reuse>> {
        self.reuse.as_ref()
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
        &self.circuit.breaker
    }

    /// Counts its calls.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.circuit.tally
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

fn endpoints(upstream: &Upstream, config: &UpstreamConfig, start: &Start) -> Endpoints {
    let (at, connections) = (&config.endpoints, &config.connections);
    Endpoints::start(upstream.name(), at, connections, &start.lookups, &start.arbiter)
}

fn reuse(config: &UpstreamConfig) -> Option<Arc<Reuse>> {
    Reuse::new(config.settings.fallback, config.settings.coalesce)
}

fn live_policies(config: &UpstreamConfig) -> LivePolicies {
    let routes = config.routes.iter().map(|route| (route.given.clone(), route.calls.clone()));
    LivePolicies::with_routes(&config.settings, routes)
}
