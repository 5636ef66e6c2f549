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
struct Observed {
    upstream: Upstream,
    breaker: Breaker,
    tally: Arc<Tally>,
    /// If there can be several.
    endpoints: Option<Arc<EndpointPool>>,
    /// Whether it gives stale answers.
    has_fallback: bool,
    /// Calls that shared another one so far, if calls are shared.
    coalesced: Option<u64>,
}

impl Observed {
    fn add(&self, families: &mut Families) {
        let Self { upstream, breaker, tally, endpoints, .. } = self;
        let name = breaker.name();
        policies::add(families, upstream);
        if let Some(saved) = self.coalesced {
            policies::add_coalescing(families, name, saved);
        }
        if self.has_fallback {
            policies::add_fallback(families, name, tally.stale());
        }
        circuit::add(families, breaker);
        circuit::add_actor(families, breaker);
        circuit::add_retries(families, breaker, tally);
        if let Some(pool) = endpoints {
            endpoints::add(families, name, pool);
        }
    }
}

/// Registers the metrics whose values are read at each scrape.
pub fn add_sources(
    metrics: &Metrics,
    upstreams: &Upstreams,
    gateway: &GatewayUpstreams,
    stats: &Arc<Stats>,
    streams: &EventStreams,
) {
    let (lab, gateway, stats) = (upstreams.clone(), gateway.clone(), Arc::clone(stats));
    let observed = move || observed(&lab, &gateway, &stats);
    let all = observed.clone();
    metrics.add_source(move |families| {
        for observed in all() {
            observed.add(families);
        }
    });
    let (limit, streams) = (upstreams.limit().clone(), streams.clone());
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
fn observed(lab: &Upstreams, gateway: &GatewayUpstreams, stats: &Stats) -> Vec<Observed> {
    let lab = Observed {
        upstream: lab.protected().clone(),
        breaker: lab.breaker().clone(),
        tally: Arc::clone(&stats.resilient),
        endpoints: None,
        has_fallback: lab.stale().is_some(),
        coalesced: lab.coalescer().map(|coalescer| coalescer.snapshot().coalesced),
    };
    let of_gateway = gateway.iter().map(|upstream| {
        let reuse = upstream.reuse();
        Observed {
            upstream: upstream.upstream().clone(),
            breaker: upstream.breaker().clone(),
            tally: Arc::clone(upstream.tally()),
            endpoints: upstream.endpoints().pool().cloned(),
            has_fallback: reuse.is_some_and(|reuse| reuse.stale().is_some()),
            coalesced: reuse.and_then(|reuse| reuse.coalesced()).map(|calls| calls.coalesced),
        }
    });
    [lab].into_iter().chain(of_gateway).collect()
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
