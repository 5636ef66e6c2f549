//! Bind, serve, and end well.
//!
//! The end comes in three steps, within `SHUTDOWN_TIMEOUT` together.
//!
//! 1. The process goes on listening, because its clients and the cluster do not know yet: `/ready` says 503, and
//!    every request is answered with `Connection: close`. This ends when the requests that were in flight are
//!    finished and no new connection has come for a second, after 4 s at the latest.
//! 2. The kernel refuses new connections at once. The process accepts those that it has queued, and gives kept
//!    connections a moment for one more request: a connection that is closed without `Connection: close` may
//!    lose a request that is on its way.
//! 3. The process closes the listener and idle connections, and finishes the requests that came in since.
//!    [`expendable`](crate::connections::expendable) connections are cut off when nothing else is left.

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
    CommonSettings, Drain, Metrics, SettingError, Shares, Wanted, app, connections::Connections,
    door::Door, listen, logging,
};

/// If no new connection has come for this long, clients have noticed that the process ends. On Kubernetes
/// kube-proxy sends new connections to a pod for about a second after its end has begun, and they hang once
/// the pod's network is gone.
const UNNOTICED: Duration = Duration::from_secs(1);

/// Longest time that the process goes on listening. With the default `SHUTDOWN_TIMEOUT`, a call that comes in at
/// the end of it, or in the farewell of at most a second, still has the default `CALL_DEADLINE`.
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
    /// A server that calls itself `service` in the log.
    pub fn new(
        service: &'static str,
        common: &'a CommonSettings,
        drain: Drain,
        metrics: Metrics,
    ) -> Self {
        Self { service, common, drain, metrics, shares: None, on_connect: None }
    }

    /// Takes as many connections as `shares` says. Without, as many as there are file descriptors for, at two
    /// for each.
    #[must_use]
    pub fn shares(mut self, shares: Shares) -> Self {
        self.shares = Some(shares);
        self
    }

    /// Calls `hook` for each connection with its `actix_web::rt::net::TcpStream`; what it puts
    /// into the extensions is each of the connection's requests' `conn_data`.
    #[must_use]
    pub fn on_connect(
        mut self,
        hook: impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static,
    ) -> Self {
        self.on_connect = Some(Arc::new(hook));
        self
    }

    /// Serves until SIGTERM, SIGINT or [`Drain::begin`], then drains; a second signal, or the
    /// shutdown timeout, stops at once. `configure` runs once per worker, on the worker's thread,
    /// inside its arbiter: it may start actors.
    ///
    /// # Errors
    ///
    /// - The address cannot be listened on; the message names it.
    /// - The reason given to [`Drain::fail`].
    pub async fn run(
        self,
        configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<()> {
        let Self { service, common, drain, metrics, shares, on_connect } = self;
        // Before anybody can know that the process is there to be signalled.
        let mut signals = Signals::new()?;
        let admin_token = common.admin_token.clone();
        let shares =
            shares.unwrap_or_else(|| Wanted::for_connections(common, 2).share(common.workers));
        let connections = Connections::new(shares.room);
        let told = connections.clone();
        metrics.add_source(move |families| told.tell(families));
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

        // With a short timeout, most of it is for the requests.
        let limit = common.shutdown_timeout / 4;
        // A process that cannot go on has nothing to answer with.
        let unnoticed = if drain.failure().is_some() { Duration::ZERO } else { UNNOTICED };
        let draining = async {
            let noticed =
                async { futures::join!(drain.finished(), connections.no_newcomer_for(unnoticed)) };
            tokio::select! {
                ended = &mut running => return ended,
                _ = timeout(LISTENING.min(limit), noticed) => {}
            }
            door.refuse_newcomers();
            connections.farewell(limit).await;
            drop(door);
            let stopping = async { futures::join!(running, handle.stop(true)).0 };
            tokio::select! {
                ended = stopping => ended,
                left = connections.only_expendable() => {
                    log::info!("{service}: cutting off {left} stream(s) that nobody reads");
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

/// The signals that ask a process to end.
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

/// For `main`: the settings, or one line on stderr and the end of the process with exit code 2.
pub fn exit_on_bad_settings<T>(settings: Result<T, SettingError>) -> T {
    settings.unwrap_or_else(|error| {
        logging::say(&error.to_string());
        logging::flush_last_lines();
        process::exit(2)
    })
}

/// For `main`: success, or exit code 1 after one line that says why, whatever `RUST_LOG` hides. Waits a second at
/// most for the last lines to be read.
pub fn exit_code(served: io::Result<()>) -> ExitCode {
    let code = match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if log::log_enabled!(log::Level::Error) {
                log::error!("{error}");
            } else {
                logging::say(&error.to_string());
            }
            ExitCode::FAILURE
        }
    };
    logging::flush_last_lines();
    code
}
