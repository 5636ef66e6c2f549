//! The HTTP clients of one worker.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use actix_rt::task::JoinHandle;

use super::{table::GatewayUpstreams, upstreams::GatewayUpstream};
use crate::transport::{ConnectionBudget, ConnectionSettings, WorkerClient};

/// By the names of the upstreams. Each is made at the first call, for connections that are made so.
type All = HashMap<String, (Arc<ConnectionSettings>, Rc<WorkerClient>)>;

/// The HTTP clients of one worker. One whose upstream is gone, or makes its connections differently now, is dropped with
/// its idle connections. Calls in flight keep it.
pub(super) struct Clients {
    budget: ConnectionBudget,
    all: Rc<RefCell<All>>,
    dropping: JoinHandle<()>,
}

impl Clients {
    pub(super) fn new(budget: ConnectionBudget, upstreams: &GatewayUpstreams) -> Self {
        let all = Rc::<RefCell<All>>::default();
        let dropping = actix_rt::spawn(drop_unused(Rc::clone(&all), upstreams.clone()));
        Self { budget, all, dropping }
    }

    /// The client for an upstream.
    pub(super) fn of(&self, upstream: &GatewayUpstream) -> Rc<WorkerClient> {
        let mut all = self.all.borrow_mut();
        let connections = upstream.connections();
        if let Some((of_client, client)) = all.get(upstream.name())
            && Arc::ptr_eq(of_client, connections)
        {
            return Rc::clone(client);
        }
        let client = Rc::new(WorkerClient::new(connections, self.budget.clone()));
        let kept = (Arc::clone(connections), Rc::clone(&client));
        all.insert(upstream.name().to_owned(), kept);
        client
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.dropping.abort();
    }
}

async fn drop_unused(all: Rc<RefCell<All>>, upstreams: GatewayUpstreams) {
    let mut replaced = upstreams.replaced();
    // The sender lives in `upstreams`.
    while replaced.changed().await.is_ok() {
        all.borrow_mut().retain(|name, (connections, _)| {
            let now = upstreams.find(name);
            now.is_some_and(|upstream| Arc::ptr_eq(upstream.connections(), connections))
        });
    }
}
