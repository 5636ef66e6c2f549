//! Looks the names of an upstream's endpoints up, again and again.

use std::{collections::HashSet, io, net::SocketAddr, sync::Arc};

use actix::prelude::*;
use actix_rt::ArbiterHandle;
use futures::future::join_all;

use super::lookups::Lookups;
use crate::{gateway::endpoints::pool::EndpointPool, transport::Place};

/// The actor of one upstream.
struct Refresher {
    pool: Arc<EndpointPool>,
    names: Vec<Name>,
    lookups: Lookups,
}

/// A name, and its addresses.
struct Name {
    host: String,
    port: u16,
    /// Those of the last good answer. The name itself before the first.
    places: Vec<Place>,
    /// The last look-up has failed.
    failed: bool,
}

/// Asks for a look-up of all names.
#[derive(Message)]
#[rtype(result = "()")]
struct Refresh;

/// Ends the look-ups, also those on their way.
#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

/// The answers to the look-ups, in the order of the names.
type Answers = Vec<io::Result<Vec<SocketAddr>>>;

/// Look-ups of an upstream's names. They end when this is dropped.
#[derive(Debug)]
pub struct RefresherHandle(Addr<Refresher>);

impl RefresherHandle {
    /// Starts the actor on `arbiter`. Each of `hosts` is a name and a port.
    pub(in crate::gateway::endpoints) fn start(
        pool: &Arc<EndpointPool>,
        hosts: impl IntoIterator<Item = (String, u16)>,
        lookups: Lookups,
        arbiter: &ArbiterHandle,
    ) -> Self {
        let name = |(host, port): (String, u16)| {
            let places = vec![Place::Name(host.clone(), port)];
            Name { host, port, places, failed: false }
        };
        let names = hosts.into_iter().map(name).collect();
        let pool = Arc::clone(pool);
        Self(Refresher::start_in_arbiter(arbiter, move |_| Refresher { pool, names, lookups }))
    }
}

impl Drop for RefresherHandle {
    fn drop(&mut self) {
        self.0.do_send(Stop);
    }
}

impl Refresher {
    /// Puts the answers in force. A name whose look-up has failed keeps its addresses.
    fn take(&mut self, answers: Answers, context: &mut Context<Self>) {
        for (name, answer) in self.names.iter_mut().zip(answers) {
            name.take(answer, self.pool.upstream());
        }
        // Two names can have the same address.
        let mut seen = HashSet::new();
        let all = self.names.iter().flat_map(|name| &name.places);
        let places: Vec<_> = all.filter(|place| seen.insert(*place)).cloned().collect();
        self.pool.replace(&places);
        context.notify_later(Refresh, self.lookups.pause());
    }
}

impl Name {
    fn take(&mut self, answer: io::Result<Vec<SocketAddr>>, upstream: &str) {
        let Self { host, .. } = self;
        match answer {
            Ok(addresses) => {
                if self.failed {
                    log::info!("upstream {upstream}: {host} is resolved again");
                }
                self.failed = false;
                self.places = addresses.into_iter().map(Place::Address).collect();
            }
            Err(error) => {
                // Told once, until a look-up is a success.
                if !self.failed {
                    log::warn!("upstream {upstream}: cannot resolve {host}: {error}");
                }
                self.failed = true;
            }
        }
    }
}

impl Actor for Refresher {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.notify(Refresh);
    }
}

impl Handler<Refresh> for Refresher {
    type Result = ();

    fn handle(&mut self, _: Refresh, context: &mut Context<Self>) {
        let look_up = |name: &Name| {
            let (lookups, host, port) = (self.lookups.clone(), name.host.clone(), name.port);
            async move { lookups.look_up(host, port).await }
        };
        let answers = join_all(self.names.iter().map(look_up));
        context.spawn(answers.into_actor(self).map(|answers, refresher, context| {
            refresher.take(answers, context);
        }));
    }
}

impl Handler<Stop> for Refresher {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        context.stop();
    }
}

#[cfg(test)]
#[path = "refresher_tests.rs"]
mod tests;
