//! The endpoints that one call uses.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use resilience_actors::CallKind;
use tokio::time::Instant;

use super::{Endpoints, clients::Clients, endpoint::Endpoint, pool::EndpointPool};
use crate::transport::WorkerClient;

/// The endpoints that one call uses.
pub(in crate::gateway) struct CallEndpoints {
    endpoints: Endpoints,
    clients: Rc<Clients>,
    /// Those of earlier attempts, the latest last. Empty if the upstream has one endpoint.
    used: RefCell<Vec<Arc<Endpoint>>>,
    /// The attempt that is dropped next was too slow.
    timed_out: Cell<bool>,
}

impl CallEndpoints {
    pub(in crate::gateway) fn new(endpoints: Endpoints, clients: Rc<Clients>) -> Self {
        Self { endpoints, clients, used: RefCell::default(), timed_out: Cell::new(false) }
    }

    /// The endpoint of the next attempt: one that no attempt of the call has used, if there is one. `connecting` is
    /// true while the attempt has no connection. If the attempt `uploads`, its time is that of the caller's upload too,
    /// and says nothing of the endpoint's latency.
    pub(in crate::gateway) fn choose<'a>(
        &'a self,
        connecting: &'a Cell<bool>,
        uploads: bool,
    ) -> Chosen<'a> {
        let pool = match &self.endpoints {
            Endpoints::One(endpoint) => {
                return Chosen { client: self.clients.of(endpoint), counted: None };
            }
            Endpoints::Several(pool, _) => pool,
        };
        // An attempt that timed out before it had chosen an endpoint says nothing of the next one's.
        self.timed_out.set(false);
        let mut used = self.used.borrow_mut();
        let endpoint = pool.choose(&used);
        used.push(Arc::clone(&endpoint));
        let client = self.clients.of(&endpoint);
        let in_use = Some(EndpointUse::begin(pool, endpoint));
        let counted = Counted { call: self, connecting, uploads, began: Instant::now(), in_use };
        Chosen { client, counted: Some(counted) }
    }

    /// An attempt was too slow, and is dropped next. Closes idle connections: they may be dead as well.
    pub(in crate::gateway) fn timed_out(&self) {
        match &self.endpoints {
            Endpoints::One(endpoint) => self.clients.of(endpoint).close_idle(),
            Endpoints::Several(..) => self.timed_out.set(true),
        }
    }
}

/// The endpoint of an attempt.
pub(in crate::gateway) struct Chosen<'a> {
    client: Rc<WorkerClient>,
    /// `None` if the upstream has one endpoint.
    counted: Option<Counted<'a>>,
}

impl Chosen<'_> {
    /// The worker's client for the endpoint.
    pub(in crate::gateway) fn client(&self) -> &WorkerClient {
        &self.client
    }

    /// Reports how the attempt has ended. The endpoint counts as in use until what this returns is dropped. An attempt
    /// that is dropped before its end has failed if it was too slow.
    pub(in crate::gateway) fn ended(self, kind: impl FnOnce() -> CallKind) -> Option<EndpointUse> {
        let mut counted = self.counted?;
        let mut in_use = counted.in_use.take()?;
        in_use.report(kind(), counted.latency());
        Some(in_use)
    }
}

/// ` to ADDRESS`, for a log line. Nothing if the upstream has one endpoint.
impl fmt::Display for Chosen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.counted.as_ref().and_then(|counted| counted.in_use.as_ref()) {
            Some(in_use) => write!(f, " to {}", in_use.endpoint.place()),
            None => Ok(()),
        }
    }
}

/// An attempt that has not ended.
struct Counted<'a> {
    call: &'a CallEndpoints,
    connecting: &'a Cell<bool>,
    uploads: bool,
    began: Instant,
    /// `None` after the end.
    in_use: Option<EndpointUse>,
}

impl Counted<'_> {
    /// Latency of the endpoint; `None` for an upload.
    fn latency(&self) -> Option<Duration> {
        (!self.uploads).then(|| self.began.elapsed())
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let latency = self.latency();
        let Some(in_use) = &mut self.in_use else { return };
        let timed_out = self.call.timed_out.take();
        // The runtime says nothing of an attempt whose time was up while it had no connection.
        let limit = in_use.endpoint.connections().connect_timeout;
        let unconnected = self.connecting.get() && self.began.elapsed() >= limit;
        if timed_out {
            self.call.clients.of(&in_use.endpoint).close_idle();
        }
        let kind = if timed_out || unconnected { CallKind::Failed } else { CallKind::Ignored };
        in_use.report(kind, latency);
    }
}

/// A place in the count of what is in flight at an endpoint.
///
/// A success counts when this is dropped: otherwise it would end a row of failures that are late.
pub(in crate::gateway) struct EndpointUse {
    pool: Arc<EndpointPool>,
    endpoint: Arc<Endpoint>,
    /// The endpoint's ejections that had ended when the attempt began. A later result says nothing new.
    returns: u64,
    /// The head of the answer was a success, and its body has not failed.
    succeeded: bool,
}

impl EndpointUse {
    pub(super) fn begin(pool: &Arc<EndpointPool>, endpoint: Arc<Endpoint>) -> Self {
        endpoint.begin();
        let returns = endpoint.returns();
        Self { pool: Arc::clone(pool), endpoint, returns, succeeded: false }
    }

    fn report(&mut self, kind: CallKind, latency: Option<Duration>) {
        let good = kind == CallKind::Successful;
        if let Some(latency) = latency {
            self.pool.record(&self.endpoint, good, latency);
        }
        self.succeeded = good;
        if kind == CallKind::Failed {
            self.count(true);
        }
    }

    fn count(&self, failed: bool) {
        if self.endpoint.returns() == self.returns {
            self.pool.count(&self.endpoint, failed);
        }
    }

    /// Reports that the answer has failed after its head.
    pub(in crate::gateway) fn fail(&mut self) {
        self.succeeded = false;
        self.count(true);
    }
}

impl Drop for EndpointUse {
    fn drop(&mut self) {
        self.endpoint.end();
        if self.succeeded {
            self.count(false);
        }
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
