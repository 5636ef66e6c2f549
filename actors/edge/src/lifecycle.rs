//! Binds the address, serves requests, and shuts down.
//!
//! The shutdown has three steps, which together take at most `SHUTDOWN_TIMEOUT`.
//!
//! 1. The process keeps listening, because clients and the cluster do not know of the shutdown yet. `/ready` answers
//!    503, and every response has `Connection: close`. The step ends when all requests that were in flight at its
//!    start are finished and no connection has been accepted for 1 s; at the latest after 4 s, or a quarter of
//!    `SHUTDOWN_TIMEOUT` if that is less.
//! 2. The kernel refuses new connections at once. The process accepts the queued ones, and keeps idle connections
//!    open for one more request: closing a connection without `Connection: close` may lose a request that is on
//!    its way.
//! 3. The process closes the listener and idle connections, and finishes the remaining requests. It closes
//!    [`expendable`](crate::connections::expendable) connections when no others are left.

use std::{
    any::Any,
    io,
    net::SocketAddr,
    process::{self, ExitCode},
    sync::Arc,
    time::Duration,
};

use actix_web::{dev::Extensions, web};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

use crate::{
    CommonSettings, Drain, Metrics, SettingError, Shares, Wanted, app,
    connections::tracker::ConnectionTracker, door::Door, listen, telemetry::logging::stderr,
};

/// If no connection was accepted for this long, clients are taken to know of the shutdown. On Kubernetes, kube-proxy
/// sends new connections to a pod for about a second after its shutdown has begun; they hang once the pod's network
/// is gone.
const UNNOTICED: Duration = Duration::from_secs(1);

/// Maximum duration of step 1. With the default `SHUTDOWN_TIMEOUT`, a call that arrives at the end of step 1 or in
/// step 2 (at most 1 s) still has time for the default `CALL_DEADLINE`.
const LISTENING: Duration = Duration::from_secs(4);

pub(crate) type OnConnect = Arc<dyn Fn(&dyn Any, &mut Extensions) + Send + Sync>;

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
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> io::Result<()> {
    Server::new(service, common, drain, metrics).run(configure).await
}

/// A service's HTTP server.
pub struct Server<'a> {
    service: &'static str,
    common: &'a CommonSettings,
    drain: Drain,
    metrics: Metrics,
    shares: Option<Shares>,
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
        Self { service, common, drain, metrics, shares: None, on_connect: None }
    }

    /// Sets the maximum number of connections. By default, `MAX_CONNECTIONS` with two file descriptors each, or as many
    /// as the limit of open files allows.
    #[must_use]
    pub fn shares(mut self, shares: Shares) -> Self {
        self.shares = Some(shares);
        self
    }

    /// Calls `hook` for each connection with its `actix_web::rt::net::TcpStream`. Requests on the connection find the
    /// values that `hook` puts into the extensions as `conn_data`.
    #[must_use]
    pub fn on_connect(
        mut self,
        hook: impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static,
    ) -> Self {
        self.on_connect = Some(Arc::new(hook));
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
        configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<()> {
        let Self { service, common, drain, metrics, shares, on_connect } = self;
        // Before the log line that says that the server listens: a test or supervisor may send a signal as soon as it
        // reads that line.
        let mut signals = Signals::new()?;
        let admin_token = common.admin_token.clone();
        let shares =
            shares.unwrap_or_else(|| Wanted::for_connections(common, 2).share(common.workers));
        let connections = ConnectionTracker::new(shares.room);
        let told = connections.clone();
        metrics.add_source(move |families| told.add_metrics(families));
        let app_drain = drain.clone();
        let factory =
            move || app(app_drain.clone(), admin_token.clone(), metrics.clone(), configure.clone());
        let address = SocketAddr::new(common.host, common.port);
        let listener = listen::listener(address).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })?;
        let door = Door::of(&listener)?;
        let bound = listener.local_addr()?;
        log::info!("{service} listening on {bound} ({} workers)", common.workers);

        let mut running = listen::server(
            listener,
            common.workers,
            common.shutdown_timeout,
            connections.clone(),
            on_connect,
            factory,
        )?;
        let handle = running.handle();
        tokio::select! {
            ended = &mut running => return ended,
            name = signals.next() => {
                drain.begin();
                log::info!("{service} got {name}: finishing what is in flight");
            }
            () = drain.started() => match drain.failure() {
                Some(reason) => log::error!("{service} cannot go on: {reason}"),
                None => log::info!("{service} is ending: finishing what is in flight"),
            },
        }

        // With a short SHUTDOWN_TIMEOUT, most of it is left for the requests.
        let limit = common.shutdown_timeout / 4;
        // A process that failed cannot answer new requests, so it does not wait for new connections.
        let unnoticed = if drain.failure().is_some() { Duration::ZERO } else { UNNOTICED };
        let draining = async {
            let noticed = async {
                futures::join!(drain.finished(), connections.no_new_connection_for(unnoticed))
            };
            tokio::select! {
                ended = &mut running => return ended,
                _ = timeout(LISTENING.min(limit), noticed) => {}
            }
            door.refuse_newcomers();
            connections.last_requests(limit).await;
            drop(door);
            let stopping = async { futures::join!(running, handle.stop(true)).0 };
            tokio::select! {
                ended = stopping => ended,
                left = connections.only_expendable_left() => {
                    log::info!("{service}: cutting off {left} unread event stream(s)");
                    Ok(())
                }
            }
        };
        tokio::select! {
            ended = timeout(common.shutdown_timeout, draining) => match ended {
                Ok(ended) => ended?,
                Err(_) => log::warn!(
                    "{service}: SHUTDOWN_TIMEOUT of {} s is over; cutting off what is still in flight",
                    common.shutdown_timeout.as_secs_f64()
                ),
            },
            name = signals.next() => {
                log::warn!("{service} got {name} again: cutting off what is still in flight");
            }
        }
        log::info!("{service} stopped");
        drain.failure().map_or(Ok(()), |reason| Err(io::Error::other(reason)))
    }
}

/// The signals that start the shutdown.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// For `main`: returns the settings. If they are invalid, writes one line to stderr and exits with code 2.
pub fn exit_on_bad_settings<T>(settings: Result<T, SettingError>) -> T {
    settings.unwrap_or_else(|error| {
        stderr::write_line(&error.to_string());
        stderr::flush_last_lines();
        process::exit(2)
    })
}

/// For `main`: returns the exit code. After an error this is 1, and one line says why, even if `RUST_LOG` hides errors.
/// Waits at most a second until the last lines are written.
pub fn exit_code(served: io::Result<()>) -> ExitCode {
    let code = match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if log::log_enabled!(log::Level::Error) {
                log::error!("{error}");
            } else {
                stderr::write_line(&error.to_string());
            }
            ExitCode::FAILURE
        }
    };
    stderr::flush_last_lines();
    code
}
