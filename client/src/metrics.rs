//! The client's metrics. They have resilience4j's names where it has such metrics, so that its dashboards work. Counts
//! of the runtime are read at each scrape.

mod circuit;
mod endpoints;
mod file;
mod policies;
mod window;

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use resilience_actors::{Breaker, CallLimit, Upstream};
use service_edge::{Metrics, metrics::Families};
use tokio::time::timeout;

pub use file::add as add_file;

use crate::{
    events::EventStreams,
    gateway::{endpoints::EndpointPool, table::GatewayUpstreams},
    stats::{Stats, Tally},
    upstreams::Upstreams,
};

/// Maximum time to wait for the snapshot of the breaker's actor.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is read of an upstream at each scrape.
#[derive(Clone)]
struct Observed {
    upstream: Upstream,
    breaker: Breaker,
    tally: Arc<Tally>,
    /// If there can be several.
    endpoints: Option<Arc<EndpointPool>>,
}

/// Registers the metrics whose values are read at each scrape.
pub fn add_sources(
    metrics: &Metrics,
    upstreams: &Upstreams,
    gateway: &GatewayUpstreams,
    stats: &Arc<Stats>,
    streams: &EventStreams,
) {
    let (breaker, limit) = (upstreams.breaker(), upstreams.limit());
    let lab = Observed {
        upstream: upstreams.protected().clone(),
        breaker: breaker.clone(),
        tally: Arc::clone(&stats.resilient),
        endpoints: None,
    };
    let gateway = gateway.clone();
    let observed = move || observed(&lab, &gateway);
    let (all, lab, stats) = (observed.clone(), upstreams.clone(), Arc::clone(stats));
    metrics.add_source(move |families| {
        let seen = all();
        for observed in &seen {
            policies::add(families, &observed.upstream);
            circuit::add(families, &observed.breaker);
            circuit::add_actor(families, &observed.breaker);
            circuit::add_retries(families, &observed.breaker, &observed.tally);
            if let Some(pool) = &observed.endpoints {
                endpoints::add(families, observed.breaker.name(), pool);
            }
        }
        policies::add_of_lab(families, &lab, &stats);
    });
    let (limit, streams) = (limit.clone(), streams.clone());
    metrics.add_source(move |families| process(families, &limit, &streams));
    metrics.add_asking_source(move || {
        let all = observed();
        Box::pin(async move {
            let asked = all.iter().map(|observed| timeout(PATIENCE, observed.breaker.inspect()));
            let mut families = Families::default();
            for (observed, answer) in all.iter().zip(join_all(asked).await) {
                if let Ok(Ok(snapshot)) = answer {
                    window::add(&mut families, &observed.breaker, &snapshot);
                }
            }
            families
        })
    });
}

/// All upstreams now.
fn observed(lab: &Observed, gateway: &GatewayUpstreams) -> Vec<Observed> {
    let of_gateway = gateway.iter().map(|upstream| Observed {
        upstream: upstream.upstream().clone(),
        breaker: upstream.breaker().clone(),
        tally: Arc::clone(upstream.tally()),
        endpoints: upstream.endpoints().pool().cloned(),
    });
    [lab.clone()].into_iter().chain(of_gateway).collect()
}

fn process(families: &mut Families, limit: &CallLimit, streams: &EventStreams) {
    for (name, help, value) in [
        ("client_calls_in_flight", "Calls in flight or waiting.", limit.in_use()),
        ("client_calls_waiting", "Calls that wait for their next attempt.", limit.waiting()),
        ("client_calls_max", "Maximum number of calls in flight or waiting.", limit.max()),
        ("client_event_streams", "Open streams of events.", streams.open()),
    ] {
        families.gauge(name, help, number(value as u64));
    }
}

/// Prometheus's numbers are doubles, which are exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
