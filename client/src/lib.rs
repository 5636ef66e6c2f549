//! The client service: calls the backend through a circuit breaker and a retry scheduler, and without them for
//! comparison.
//!
//! | module | role |
//! |---|---|
//! | [`config`] | the settings, from the environment |
//! | `regular_file` | reads files that settings name |
//! | [`policy_settings`] | the settings of the policies of an upstream |
//! | [`meanings`] | the purpose of each setting |
//! | [`upstream_url`] | where an upstream is |
//! | [`gateway`] | passes requests on to upstreams of a file |
//! | [`commands`] | the commands of the binary beside serving |
//! | [`transport`] | carries a request to the backend: the only user of awc |
//! | [`probes`] | has an upstream probed while its circuit is open |
//! | [`replicas`] | where all replicas of the backend are |
//! | [`upstreams`] | the backend with all policies, and without protection |
//! | [`controlled`] | the upstreams that can be seen and controlled |
//! | [`fallback`] | stale answers for calls that have none |
//! | [`calls`] | makes calls, and records each |
//! | [`events`] | the event log as Server-Sent Events |
//! | [`call_metrics`] | durations of attempts and waits |
//! | [`metrics`] | the metrics of `GET /metrics` |
//! | [`routes`] | the endpoints, which forward to the actors |
//! | [`answer`] | makes an endpoint's answer from the report on a call |
//! | [`wire`] | the JSON bodies of the answers |
//! | [`stress`] | the stress test |
//! | [`stats`] | counters of calls |
//! | [`traces`] | the spans of calls and attempts |
//! | [`trace_export`] | sends spans to an OpenTelemetry collector |

pub mod answer;
pub mod call_metrics;
pub mod calls;
pub mod commands;
pub mod config;
pub mod controlled;
pub mod events;
pub mod fallback;
pub mod gateway;
pub mod meanings;
pub mod metrics;
mod no_answer;
pub mod policy_settings;
mod priority;
pub mod probes;
mod regular_file;
pub mod replicas;
pub mod routes;
pub mod stats;
pub mod stress;
pub mod trace_export;
pub mod traces;
pub mod transport;
pub mod upstream_url;
pub mod upstreams;
pub mod wire;

use std::{io, rc::Rc, sync::Arc};

use actix_rt::ArbiterHandle;
use actix_web::web;
use resilience_actors::{
    Breaker, CallLimit,
    events::{DEFAULT_CAPACITY, EventLog},
};
use service_edge::{Capacity, CapacityRequest, Drain, Limit, Metrics, Routes, Server};

use call_metrics::CallMetrics;
use calls::Calls;
pub use config::Config;
use events::{EventStreams, stall};
use gateway::{
    endpoints::Lookups,
    reload::{FileStatus, Reloader},
    table::GatewayUpstreams,
    upstreams::Start,
    worker::{GatewayShared, GatewayWorker},
};
use routes::Turns;
use stats::Stats;
use transport::{ConnectionBudget, HttpTransport, replicas::MAX_CONNECTIONS};
use upstreams::Upstreams;

/// The service's name in answers and log lines.
pub const SERVICE: &str = "client-service";

/// The name of the lab's backend in metrics and events.
const LAB: &str = "backend";

/// Serves until a signal ends the process. The breaker has a thread of its own.
///
/// # Errors
/// The server cannot listen on its address, or an actor died. Without the breaker's actor the published state would not
/// change, and without its scheduler a worker could make no calls, so the process ends.
pub async fn run(config: Config) -> io::Result<()> {
    log::info!("{SERVICE} {}: {}", env!("CARGO_PKG_VERSION"), config.summary);
    for near_miss in &config.near_misses {
        log::warn!("{near_miss}");
    }
    let arbiter = actix_rt::Arbiter::new().handle();
    let breaker = start_breaker(&config, &arbiter);
    let drain = Drain::new();
    fail_after(breaker.stopped(), &drain, "the circuit breaker's actor died");
    let common = config.common.clone();
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let capacity = share_descriptors(&config);
    let exporter =
        config.traces.as_ref().map(|export| trace_export::start(export, &config.pod, &metrics));
    let service = Service::new(config, capacity, (&breaker, &arbiter), drain.clone(), &metrics);
    if let Some(reloader) = service.reloader() {
        actix_rt::spawn(reloader.follow(drain.clone()));
    }
    let served = Server::new(SERVICE, &common, drain, metrics)
        .capacity(capacity)
        .on_connect(stall::bound)
        .run(move |routes| service.configure(routes))
        .await;
    if let Some(exporter) = exporter {
        exporter.flush().await;
    }
    served
}

/// Starts the breaker of the lab's backend. Its name differs from those of the file's upstreams, now and after each
/// change of the file.
fn start_breaker(config: &Config, arbiter: &ArbiterHandle) -> Breaker {
    let settings = config.policies.load().breaker.clone();
    if config.file.is_some() {
        let events = EventLog::new(format!("{LAB} (lab)"), DEFAULT_CAPACITY);
        return Breaker::start_recording_on(settings, events, arbiter);
    }
    Breaker::start_on(settings, arbiter)
}

/// Raises the limit of open files, and divides the file descriptors between connections and calls.
pub fn share_descriptors(config: &Config) -> Capacity {
    let streams = match config.file {
        None => Limit { value: 0, chosen: false },
        Some(_) => config.gateway.max_streams,
    };
    let request = CapacityRequest {
        calls: config.max_calls,
        streams,
        other: MAX_CONNECTIONS,
        ..CapacityRequest::for_connections(&config.common, 1)
    };
    request.grant(config.common.workers)
}

/// Ends the process with an error when `stopped` is ready. Changes nothing if the process is already ending.
fn fail_after(stopped: impl Future<Output = ()> + 'static, drain: &Drain, reason: &'static str) {
    let drain = drain.clone();
    actix_rt::spawn(async move {
        stopped.await;
        drain.fail(reason);
    });
}

/// The parts that all workers share.
#[derive(Debug, Clone)]
pub struct Service {
    config: Arc<Config>,
    upstreams: Upstreams,
    gateway: GatewayShared,
    file: Option<FileStatus>,
    drain: Drain,
    connections: ConnectionBudget,
    stats: Arc<Stats>,
    streams: EventStreams,
    turns: Arc<Turns>,
}

impl Service {
    /// A service over the running breaker of the lab's backend. Starts the upstreams of the file, with their breakers
    /// on `arbiter`. Registers the metrics. If an actor dies, `drain` ends the process.
    #[expect(clippy::expect_used, reason = "a valid configuration has valid settings")]
    pub fn new(
        config: Config,
        capacity: Capacity,
        (breaker, arbiter): (&Breaker, &ArbiterHandle),
        drain: Drain,
        metrics: &Metrics,
    ) -> Self {
        let limit = CallLimit::new(capacity.calls);
        let connections = ConnectionBudget::new(capacity.calls + capacity.streams, capacity.idle);
        let streams = EventStreams::new(config.max_event_streams);
        let (stats, config) = (Arc::default(), Arc::new(config));
        let policies = config.policies.load();
        if let Some(probe) = &policies.probe {
            probes::start(&config.backend, &config.connections, probe, breaker)
                .expect("`Config` has checked the settings");
        }
        let calls = CallMetrics::new(metrics, breaker.name());
        let upstreams = Upstreams::new(&policies.calls, breaker, &limit, &stats, &calls)
            .expect("`Config` has checked the settings")
            .with_fallback(config.fallback)
            .with_coalescing(config.coalesce);
        let start = Start {
            arbiter: arbiter.clone(),
            limit: limit.clone(),
            metrics: calls.clone(),
            events: breaker.events().clone(),
            lookups: Lookups::new(config.gateway.dns_interval),
            drain: drain.clone(),
        };
        let gateway = GatewayUpstreams::start(config.upstreams.clone(), start)
            .expect("`Config` has checked the settings");
        metrics::add_sources(metrics, &upstreams, &gateway, &stats, &streams);
        let file = config.file.as_ref().map(|file| FileStatus::new(file.path.clone()));
        if let Some(file) = &file {
            metrics::add_file(metrics, file);
        }
        let turns = Arc::default();
        let (budget, ends) = (connections.clone(), drain.clone());
        let gateway = GatewayShared::new(&config, gateway, budget, capacity.streams, ends);
        Self { config, upstreams, gateway, file, drain, connections, stats, streams, turns }
    }

    /// The upstreams of the file.
    pub fn gateway(&self) -> &GatewayUpstreams {
        &self.gateway.upstreams
    }

    /// Keeps the upstreams as the file says, if there is one.
    pub fn reloader(&self) -> Option<Reloader> {
        let (upstreams, status) = (self.gateway().clone(), self.file.clone()?);
        let contents = self.config.file.as_ref()?.contents.clone();
        let has_admin_token = self.config.common.admin_token.is_some();
        Some(Reloader::new(upstreams, status, contents, has_admin_token))
    }

    /// Sets up one worker: its own connections and retry scheduler, the shared parts, and the routes.
    pub fn configure(&self, routes: &mut Routes<'_>) {
        let Config { backend, connections, max_response_bytes, .. } = &*self.config;
        let budget = self.connections.clone();
        let transport = HttpTransport::new(backend, connections, *max_response_bytes, budget);
        // This upstream has no breaker. The end of the breaker's actor is handled in `run`.
        let stopped = self.upstreams.bare().stopped();
        fail_after(stopped, &self.drain, "a worker's retry scheduler died");
        let (upstreams, stats) = (self.upstreams.clone(), Arc::clone(&self.stats));
        let calls = Calls::new(upstreams, Rc::new(transport), stats);
        routes
            .app_data(web::Data::new(calls))
            .app_data(web::Data::from(Arc::clone(&self.config)))
            .app_data(web::Data::new(self.gateway().clone()))
            .app_data(web::Data::new(self.file.clone()))
            .app_data(web::Data::new(GatewayWorker::new(self.gateway.clone())))
            .app_data(web::Data::new(self.streams.clone()))
            .app_data(web::Data::from(Arc::clone(&self.turns)))
            .configure(routes::configure);
    }
}

#[cfg(test)]
mod tests {
    use service_edge::Settings;

    use super::*;

    #[actix_web::test]
    async fn the_breaker_of_the_lab_has_another_name_than_one_of_the_file() {
        let read = |variables: &[(&str, &str)]| {
            let config = Config::read(&mut Settings::from_pairs(variables)).unwrap();
            start_breaker(&config, &actix_rt::Arbiter::current()).name().to_string()
        };
        let file = std::env::temp_dir().join(format!("lab-{}.toml", std::process::id()));
        std::fs::write(&file, "[upstreams.b]\nurl = \"http://b\"").unwrap();
        assert_eq!(read(&[("CONFIG", file.to_str().unwrap())]), "backend (lab)");
        assert_eq!(read(&[]), "backend");
    }

    #[actix_web::test]
    async fn the_death_of_an_actor_ends_the_process_with_an_error() {
        let drain = Drain::new();
        let (died, death) = tokio::sync::oneshot::channel::<()>();
        fail_after(async { drop(death.await) }, &drain, "the actor died");
        tokio::task::yield_now().await;
        assert!(!drain.is_draining());
        drop(died);
        drain.started().await;
        assert_eq!(drain.failure().as_deref(), Some("the actor died"));
    }
}
