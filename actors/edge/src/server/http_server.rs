//! Assembles the server from actix-server and actix-http, as actix-web's `HttpServer` does. `HttpServer` has no hooks
//! to refuse a connection ([`admission`]) or to limit it ([`BoundedStream`]).

use std::{any::Any, io, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use super::{admission, stream::BoundedStream};
use crate::connections::tracker::ConnectionTracker;
use actix_http::{HttpService, KeepAlive, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::{
    Error,
    body::BoxBody,
    dev::{AppConfig, Extensions, ServiceResponse},
    rt::net::TcpStream,
};

/// A hook for each connection: [`Server::on_connect`](crate::Server::on_connect).
pub(super) type OnConnect = Arc<dyn Fn(&dyn Any, &mut Extensions) + Send + Sync>;

/// Starts a server on `listener` with one application of `factory` for each of the `workers`.
pub(super) fn start<F, I, S>(
    listener: TcpListener,
    workers: usize,
    shutdown_timeout: Duration,
    connections: ConnectionTracker,
    on_connect: Option<OnConnect>,
    factory: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + 'static,
    S::Future: 'static,
    S::Service: 'static,
{
    let limits = connections.limits();
    let builder = ServerBuilder::new()
        .workers(workers)
        .disable_signals()
        // actix takes whole seconds. The caller enforces the exact timeout.
        .shutdown_timeout(shutdown_timeout.as_secs() + 1)
        // Never reached, because admission refuses connections before. Past it, actix would stop accepting, and new
        // connections would get no answer.
        .max_concurrent_connections(limits.served + 4 * limits.screened);
    let ending = builder.graceful_shutdown_signal();
    let serve = move || {
        let (connections, on_connect, ending) =
            (connections.clone(), on_connect.clone(), ending.clone());
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
            .finish(map_config(factory(), |()| AppConfig::default()));
        fn_service(move |io: TcpStream| admission::admit(io, connections.clone())).and_then(http)
    };
    Ok(builder.listen("http", listener, serve)?.run())
}

/// Lets requests find their connection as `conn_data`, and calls the service's hook.
fn share_with_requests(hook: Option<OnConnect>) -> impl Fn(&BoundedStream, &mut Extensions) {
    move |stream, extensions| {
        extensions.insert(Rc::clone(stream.connection()));
        if let Some(hook) = &hook {
            hook(stream.io(), extensions);
        }
    }
}
