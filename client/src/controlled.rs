//! The upstreams that can be seen and controlled: the lab's backend, and those of the file.

use std::sync::Arc;

use resilience_actors::{Breaker, CoalesceSnapshot, Coalescer, Upstream};
use serde_json::{Map, Value};

use crate::{
    config::Config,
    fallback::{StaleFallback, StaleSnapshot},
    gateway::{endpoints::EndpointPool, table::GatewayUpstreams, upstreams::GatewayUpstream},
    policy_settings::{ChangeError, LivePolicies, Policies},
    probes,
    stats::Tally,
    upstream_url::UpstreamUrl,
    upstreams::Upstreams,
};

/// One of them. A cheap handle.
#[derive(Debug, Clone)]
pub enum ControlledUpstream {
    /// The lab's backend.
    Lab(Upstreams, Arc<Config>),
    /// An upstream of the file.
    Gateway(GatewayUpstreams, Arc<GatewayUpstream>),
}

impl ControlledUpstream {
    /// All of them, the lab's backend first.
    pub fn all(
        lab: &Upstreams,
        config: Arc<Config>,
        gateway: &GatewayUpstreams,
    ) -> impl Iterator<Item = Self> {
        let upstreams = gateway.clone();
        let of_gateway =
            gateway.iter().map(move |upstream| Self::Gateway(upstreams.clone(), upstream));
        [Self::Lab(lab.clone(), config)].into_iter().chain(of_gateway)
    }

    /// Its name, which no other has.
    pub fn name(&self) -> &str {
        self.breaker().name()
    }

    /// Where it is.
    pub fn url(&self) -> &UpstreamUrl {
        match self {
            Self::Lab(_, config) => &config.backend,
            Self::Gateway(_, upstream) => upstream.url(),
        }
    }

    /// Its endpoints, if there can be several.
    pub fn endpoints(&self) -> Option<&EndpointPool> {
        match self {
            Self::Lab(..) => None,
            Self::Gateway(_, upstream) => upstream.endpoints().pool().map(Arc::as_ref),
        }
    }

    /// Its circuit breaker.
    pub fn breaker(&self) -> &Breaker {
        match self {
            Self::Lab(upstreams, _) => upstreams.breaker(),
            Self::Gateway(_, upstream) => upstream.breaker(),
        }
    }

    /// Its policies.
    pub fn upstream(&self) -> &Upstream {
        match self {
            Self::Lab(upstreams, _) => upstreams.protected(),
            Self::Gateway(_, upstream) => upstream.upstream(),
        }
    }

    /// The kept answers, if `FALLBACK` is `stale`.
    pub fn stale(&self) -> Option<StaleSnapshot> {
        match self {
            Self::Lab(upstreams, _) => upstreams.stale().map(StaleFallback::snapshot),
            Self::Gateway(_, upstream) => upstream.reuse().and_then(|reuse| reuse.stale()),
        }
    }

    /// The shared calls, if `COALESCE` is `on`.
    pub fn coalesced(&self) -> Option<CoalesceSnapshot> {
        match self {
            Self::Lab(upstreams, _) => upstreams.coalescer().map(Coalescer::snapshot),
            Self::Gateway(_, upstream) => upstream.reuse().and_then(|reuse| reuse.coalesced()),
        }
    }

    /// Counts its calls.
    pub fn tally(&self) -> &Tally {
        match self {
            Self::Lab(upstreams, _) => upstreams.tally(),
            Self::Gateway(_, upstream) => upstream.tally(),
        }
    }

    /// The settings of the policies in force.
    pub fn policies(&self) -> &LivePolicies {
        match self {
            Self::Lab(_, config) => &config.policies,
            Self::Gateway(_, upstream) => upstream.policies(),
        }
    }

    /// Changes settings, as [`LivePolicies::change`] does, and puts them in force: all of them, or none. Returns those
    /// in force then.
    ///
    /// # Errors
    /// As [`LivePolicies::change`], or the file has the upstream no more.
    pub async fn change(&self, asked: Map<String, Value>) -> Result<Arc<Policies>, ChangeError> {
        let (upstreams, config) = match self {
            Self::Lab(upstreams, config) => (upstreams, config),
            Self::Gateway(upstreams, upstream) => {
                return upstreams.change(upstream.name(), asked).await;
            }
        };
        let apply = async |new: &Policies| {
            let old = config.policies.load();
            upstreams.reconfigure(new).await?;
            let (url, connections) = (&config.backend, &config.connections);
            Ok(probes::change(url, connections, [&old, new], upstreams.breaker())?)
        };
        config.policies.change(asked, apply).await?;
        Ok(config.policies.load())
    }
}
