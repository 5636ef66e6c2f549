//! Assembles the server from actix-server and actix-http, as actix-web's `HttpServer` does. `HttpServer` has no hooks
//! to refuse a connection ([`admission`]) or to limit it ([`BoundedStream`]).

use std::{any::Any, fmt, io, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_http::{HttpService, KeepAlive, Request, Response, body::BoxBody};
use actix_server::ServerBuilder;
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply, fn_service,
    map_config,
};
use actix_web::{
    Error,
    body::MessageBody,
    dev::{AppConfig, Extensions},
    rt::net::TcpStream,
};

use crate::{
    admission::{self, OnFull},
    connections::Connections,
    limits::Limits,
    listener::ListenerHandle,
    requests::TrackRequests,
    running::Running,
    stream::BoundedStream,
};

type OnConnect = Arc<dyn Fn(&dyn Any, &mut Extensions) + Send + Sync>;

/// An HTTP/1.1 server for an actix-web application, in place of [`HttpServer`](actix_web::HttpServer).
#[must_use = "a server does nothing until it listens"]
pub struct GuardedServer {
    builder: ServerBuilder,
    connections: Connections,
    on_connect: Option<OnConnect>,
    on_full: Option<OnFull>,
}

impl GuardedServer {
    /// Creates a server with these limits, and a worker for each processor.
    pub fn new(limits: Limits) -> Self {
        // Never reached, because admission refuses connections before. Past it, actix would stop accepting, and new
        // connections would get no answer.
        let never_reached = limits.connections.saturating_add(limits.screened.saturating_mul(4));
        Self {
            builder: ServerBuilder::new().max_concurrent_connections(never_reached),
            connections: Connections::new(limits),
            on_connect: None,
            on_full: None,
        }
    }

    /// Sets the number of threads that serve connections. Each has an application of its own.
    ///
    /// # Panics
    ///
    /// `workers` is 0.
    pub fn workers(mut self, workers: usize) -> Self {
        self.builder = self.builder.workers(workers);
        self
    }

    /// Sets the maximum time that a graceful stop waits for requests, in whole seconds. Default: 30 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.builder = self.builder.shutdown_timeout(timeout.as_secs());
        self
    }

    /// Leaves SIGINT, SIGTERM and SIGQUIT to the program. By default they stop the server.
    pub fn disable_signals(mut self) -> Self {
        self.builder = self.builder.disable_signals();
        self
    }

    /// Calls `hook` for each connection with its `actix_web::rt::net::TcpStream`. Requests on the connection find the
    /// values that `hook` puts into the extensions as `conn_data`.
    pub fn on_connect(
        mut self,
        hook: impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static,
    ) -> Self {
        self.on_connect = Some(Arc::new(hook));
        self
    }

    /// Calls `hook` when a connection is refused because too many are served, such as to log it; once for each burst:
    /// refusals that are at most 10 s apart.
    pub fn on_full(mut self, hook: impl Fn(&Connections) + Send + Sync + 'static) -> Self {
        self.on_full = Some(Arc::new(hook));
        self
    }

    /// The connections of this server, such as for metrics.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// Starts the server on `listener` with one application of `factory` for each worker. Await what it returns.
    ///
    /// # Errors
    ///
    /// The listener cannot be used.
    pub fn listen<F, I, S, B>(self, listener: TcpListener, factory: F) -> io::Result<Running>
    where
        F: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        <S::Service as Service<Request>>::Future: 'static,
        B: MessageBody + 'static,
    {
        let Self { builder, connections, on_connect, on_full } = self;
        let handle = ListenerHandle::of(&listener)?;
        let ending = builder.graceful_shutdown_signal();
        let admitted = connections.clone();
        let serve = move || {
            let (connections, on_full) = (admitted.clone(), on_full.clone());
            let (on_connect, ending) = (on_connect.clone(), ending.clone());
            let application = factory()
                .into_factory()
                .map(Into::<Response<B>>::into)
                .map_err(|error| Response::<BoxBody>::from(error.into().error_response()))
                .map_init_err(|error| log::error!("cannot create the application: {error:?}"));
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let ending = ending.clone();
                    async move { ending.notified().await }
                })
                // `BoundedStream` enforces these timeouts.
                .keep_alive(KeepAlive::Os)
                .client_request_timeout(Duration::ZERO)
                .h1_allow_half_closed(false)
                .on_connect_ext(share_with_requests(on_connect))
                .finish(map_config(apply(TrackRequests, application), |()| AppConfig::default()));
            fn_service(move |io: TcpStream| {
                admission::admit(io, connections.clone(), on_full.clone())
            })
            .and_then(http)
        };
        let server = builder.listen("http", listener, serve)?.run();
        Ok(Running::new(server, connections, handle))
    }
}

impl fmt::Debug for GuardedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedServer")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// Lets requests find their connection as `conn_data`, and calls the program's hook.
fn share_with_requests(hook: Option<OnConnect>) -> impl Fn(&BoundedStream, &mut Extensions) {
    move |stream, extensions| {
        extensions.insert(Rc::clone(stream.connection()));
        if let Some(hook) = &hook {
            hook(stream.io(), extensions);
        }
    }
}
