//! Where an upstream is: at one endpoint, or at several.
//!
//! | module | role |
//! |---|---|
//! | `ejection` | decides which endpoints get no calls for a while |
//! | `selection` | decides which endpoint an attempt goes to |
//! | `endpoint` | one endpoint, with its load |
//! | `pool` | the endpoints of an upstream, which all workers share |
//! | `snapshot` | an endpoint, as it is shown |
//! | `dns` | looks names up again and again |
//! | `clients` | the HTTP clients of one worker |
//! | `call` | the endpoints that one call uses |

mod call;
mod clients;
mod dns;
mod ejection;
mod endpoint;
mod pool;
mod selection;
mod snapshot;

use std::sync::Arc;

use actix_rt::ArbiterHandle;

pub(super) use self::{
    call::{CallEndpoints, Chosen, EndpointUse},
    clients::Clients,
};
pub use self::{
    dns::{Lookups, RefresherHandle},
    ejection::{EjectionSettings, EndpointId},
    endpoint::Endpoint,
    pool::EndpointPool,
    snapshot::EndpointSnapshot,
};
use crate::{
    transport::{ConnectionSettings, Place},
    upstream_url::UpstreamUrl,
};

/// Where an upstream is, and when one of several endpoints is ejected.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointsConfig {
    /// `url`: at least one, all with the same scheme.
    pub urls: Vec<UpstreamUrl>,
    /// `endpoints`: each address of each name is an endpoint. Otherwise each name is one.
    pub all: bool,
    /// `eject_*`.
    pub ejection: EjectionSettings,
}

/// The endpoints of an upstream. Clones share them.
#[derive(Debug, Clone)]
pub enum Endpoints {
    /// One, which is not counted and never ejected.
    One(Arc<Endpoint>),
    /// Several, or the addresses of names, whose number changes as they are looked up.
    Several(Arc<EndpointPool>, Option<Arc<RefresherHandle>>),
}

impl Endpoints {
    /// The endpoints of the upstream with this name. If they are all addresses of names, an actor on `arbiter` looks
    /// them up, until the last clone is dropped.
    pub(super) fn start(
        upstream: &Arc<str>,
        config: &EndpointsConfig,
        connections: &Arc<ConnectionSettings>,
        lookups: &Lookups,
        arbiter: &ArbiterHandle,
    ) -> Self {
        let place = |url: &UpstreamUrl| {
            let (host, port) = url.host_and_port();
            Place::Name(host, port)
        };
        if let [url] = &config.urls[..]
            && !config.all
        {
            return Self::One(Arc::new(Endpoint::new(place(url), Arc::clone(connections))));
        }
        let places: Vec<_> = config.urls.iter().map(place).collect();
        let (connections, ejection) = (Arc::clone(connections), config.ejection.clone());
        let pool = EndpointPool::new(Arc::clone(upstream), &places, connections, ejection);
        let pool = Arc::new(pool);
        let refreshing = config.all.then(|| {
            let hosts = config.urls.iter().map(UpstreamUrl::host_and_port);
            Arc::new(RefresherHandle::start(&pool, hosts, lookups.clone(), arbiter))
        });
        Self::Several(pool, refreshing)
    }

    /// The pool of several endpoints.
    pub fn pool(&self) -> Option<&Arc<EndpointPool>> {
        match self {
            Self::One(_) => None,
            Self::Several(pool, _) => Some(pool),
        }
    }
}
