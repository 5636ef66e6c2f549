//! Starts the server, and runs it until the shutdown has ended.

use std::{any::Any, io, net::SocketAddr, time::Duration};

use actix_connection_guard::{Connections, GuardedServer, Limits};
use actix_web::dev::Extensions;

use super::{listener::listen_on, shutdown::Shutdown};
use crate::{
    config::common_settings::CommonSettings,
    drain::Drain,
    http::{app::app, json_body::BODY_TIMEOUT, routes::Routes},
    process::{
        file_descriptors::{Capacity, CapacityRequest},
        shutdown_signals::ShutdownSignals,
    },
    telemetry::{
        log_targets::{CONNECTIONS, LIFECYCLE},
        metrics::{connection_metrics, registry::Metrics},
    },
};

/// The paths that are answered beyond `MAX_CONNECTIONS`.
const PROBES: &[&str] = &["/health", "/ready", "/metrics"];

type OnConnect = Box<dyn Fn(&dyn Any, &mut Extensions) + Send + Sync>;

/// Serves `configure`'s routes until SIGTERM or SIGINT, as [`Server`] does.
///
/// # Errors
///
/// As [`Server::run`].
pub async fn serve(
    service: &'static str,
    common: &CommonSettings,
    drain: Drain,
    metrics: Metrics,
    configure: impl Fn(&mut Routes<'_>) + Clone + Send + 'static,
) -> io::Result<()> {
    Server::new(service, common, drain, metrics).run(configure).await
}

/// A service's HTTP server.
pub struct Server<'a> {
    service: &'static str,
    common: &'a CommonSettings,
    drain: Drain,
    metrics: Metrics,
    capacity: Option<Capacity>,
    on_connect: Option<OnConnect>,
}

impl<'a> Server<'a> {
    /// Creates a server. Log lines use `service` as its name.
    pub fn new(
        service: &'static str,
        common: &'a CommonSettings,
        drain: Drain,
        metrics: Metrics,
    ) -> Self {
        Self { service, common, drain, metrics, capacity: None, on_connect: None }
    }

    /// Sets the maximum number of connections. By default, `MAX_CONNECTIONS` with two file descriptors each, or as many
    /// as the limit of open files allows.
    #[must_use]
    pub fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// Calls `hook` for each connection with its `actix_web::rt::net::TcpStream`. Requests on the connection find the
    /// values that `hook` puts into the extensions as `conn_data`.
    #[must_use]
    pub fn on_connect(
        mut self,
        hook: impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static,
    ) -> Self {
        self.on_connect = Some(Box::new(hook));
        self
    }

    /// Serves until SIGTERM, SIGINT, [`Drain::begin`] or [`Drain::fail`], then shuts down. A second signal, or the end
    /// of the shutdown timeout, stops at once. `configure` runs once per worker, on the worker's thread and within its
    /// arbiter, so it may start actors.
    ///
    /// # Errors
    ///
    /// - The server cannot listen on the address. The message names the address.
    /// - [`Drain::fail`] was called. The message is its reason.
    pub async fn run(
        self,
        configure: impl Fn(&mut Routes<'_>) + Clone + Send + 'static,
    ) -> io::Result<()> {
        let Self { service, common, drain, metrics, capacity, on_connect } = self;
        // Before the log line that says that the server listens: a test or supervisor may send a signal as soon as it
        // reads that line.
        let mut signals = ShutdownSignals::new()?;
        let capacity = capacity
            .unwrap_or_else(|| CapacityRequest::for_connections(common, 2).grant(common.workers));
        let mut server = guarded(capacity)
            .workers(common.workers)
            .disable_signals()
            // actix takes whole seconds. `Shutdown` enforces the exact timeout.
            .shutdown_timeout(common.shutdown_timeout + Duration::from_secs(1));
        if let Some(hook) = on_connect {
            server = server.on_connect(hook);
        }
        let connections = server.connections();
        metrics.add_source(move |families| connection_metrics::add(&connections, families));
        let address = SocketAddr::new(common.host, common.port);
        let listener = listen_on(address).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })?;
        let bound = listener.local_addr()?;
        log::info!(target: LIFECYCLE, "{service} listening on {bound} ({} workers)", common.workers);

        let (app_drain, admin_token) = (drain.clone(), common.admin_token.clone());
        let mut running = server.listen(listener, move || {
            app(app_drain.clone(), admin_token.clone(), metrics.clone(), configure.clone())
        })?;
        tokio::select! {
            ended = &mut running => return ended,
            name = signals.next() => {
                drain.begin();
                log::info!(target: LIFECYCLE, "{service} got {name}: finishing what is in flight");
            }
            () = drain.started() => log_reason(service, &drain),
        }
        let failed = drain.clone();
        let limit = common.shutdown_timeout;
        Shutdown { service, limit, drain, running }.run(signals).await?;
        log::info!(target: LIFECYCLE, "{service} stopped");
        failed.failure().map_or(Ok(()), |reason| Err(io::Error::other(reason)))
    }
}

/// A server with these maximums, which logs when it refuses connections.
fn guarded(capacity: Capacity) -> GuardedServer {
    let limits = Limits {
        connections: capacity.connections,
        screened: capacity.screened,
        probe_paths: PROBES,
        body: BODY_TIMEOUT,
        ..Limits::default()
    };
    GuardedServer::new(limits).on_full(|connections: &Connections| {
        let max = connections.limits().connections;
        log::warn!(
            target: CONNECTIONS,
            "all {max} connections are in use: refusing further ones (MAX_CONNECTIONS)"
        );
    })
}

/// Logs why the shutdown began, if no signal began it.
fn log_reason(service: &str, drain: &Drain) {
    match drain.failure() {
        Some(reason) => log::error!(target: LIFECYCLE, "{service} cannot go on: {reason}"),
        None => log::info!(target: LIFECYCLE, "{service} is ending: finishing what is in flight"),
    }
}
