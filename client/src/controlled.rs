//! The upstreams that can be seen and controlled: the lab's backend, and those of the file.

use std::sync::Arc;

use resilience_actors::{Breaker, Upstream};
use serde_json::{Map, Value};

use crate::{
    config::Config,
    gateway::upstreams::{GatewayUpstream, GatewayUpstreams},
    policy_settings::{ChangeError, LivePolicies, Policies},
    probes,
    transport::ConnectionSettings,
    upstream_url::UpstreamUrl,
    upstreams::Upstreams,
};

/// One of them. A cheap handle.
#[derive(Debug, Clone)]
pub enum ControlledUpstream {
    /// The lab's backend.
    Lab(Upstreams, Arc<Config>),
    /// An upstream of the file.
    Gateway(Arc<GatewayUpstream>),
}

impl ControlledUpstream {
    /// All of them, the lab's backend first.
    pub fn all(
        lab: &Upstreams,
        config: Arc<Config>,
        gateway: &GatewayUpstreams,
    ) -> impl Iterator<Item = Self> {
        let of_gateway = gateway.iter().map(|upstream| Self::Gateway(Arc::clone(upstream)));
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
            Self::Gateway(upstream) => upstream.url(),
        }
    }

    fn connections(&self) -> &ConnectionSettings {
        match self {
            Self::Lab(_, config) => &config.connections,
            Self::Gateway(upstream) => upstream.connections(),
        }
    }

    /// Its circuit breaker.
    pub fn breaker(&self) -> &Breaker {
        match self {
            Self::Lab(upstreams, _) => upstreams.breaker(),
            Self::Gateway(upstream) => upstream.breaker(),
        }
    }

    /// Its policies.
    pub fn upstream(&self) -> &Upstream {
        match self {
            Self::Lab(upstreams, _) => upstreams.protected(),
            Self::Gateway(upstream) => upstream.upstream(),
        }
    }

    /// The settings of the policies in force.
    pub fn policies(&self) -> &LivePolicies {
        match self {
            Self::Lab(_, config) => &config.policies,
            Self::Gateway(upstream) => upstream.policies(),
        }
    }

    /// Changes settings, as [`LivePolicies::change`] does, and puts them in force: all of them, or none.
    ///
    /// # Errors
    /// As [`LivePolicies::change`].
    pub async fn change(&self, asked: Map<String, Value>) -> Result<(), ChangeError> {
        let apply = async |new: &Policies| {
            let old = self.policies().load();
            match self {
                Self::Lab(upstreams, _) => upstreams.reconfigure(new).await?,
                Self::Gateway(upstream) => upstream.reconfigure(new).await?,
            }
            Ok(probes::change(self.url(), self.connections(), [&old, new], self.breaker())?)
        };
        self.policies().change(asked, apply).await
    }
}
