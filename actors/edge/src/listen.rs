//! The server itself: what actix-web's `HttpServer` does, with a door of our own before it
//! ([`admission`]) and bounds around each connection ([`bounded`](crate::bounded)), for
//! which `HttpServer` has no hooks.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    time::Duration,
};

use actix_http::{HttpService, KeepAlive, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::{
    Error,
    body::BoxBody,
    dev::{AppConfig, ServiceResponse},
    rt::net::TcpStream,
};
use socket2::{Domain, Socket, Type};

use crate::{
    admission, bounded::Bounded, connections::tracker::ConnectionTracker, lifecycle::OnConnect,
};

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: u16 = 1024;

/// A listener on `address`.
pub(crate) fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Or a restart would have to wait for the kernel to forget the connections of before.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.into())?;
    Ok(socket.into())
}

/// A server of `factory`'s applications, one for each of `workers`, on `listener`.
pub(crate) fn server<F, I, S>(
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
    let room = connections.limits();
    let builder = ServerBuilder::new()
        .workers(workers)
        .disable_signals()
        // Whole seconds only; the exact deadline is the caller's.
        .shutdown_timeout(shutdown_timeout.as_secs() + 1)
        // The door is the bound; at this one actix would stop accepting, and newcomers hear nothing.
        .max_concurrent_connections(room.served + 4 * room.screened);
    let ending = builder.graceful_shutdown_signal();
    let serve = move || {
        let (connections, on_connect, ending) =
            (connections.clone(), on_connect.clone(), ending.clone());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            // These times are `Bounded`'s.
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .h1_allow_half_closed(false)
            .on_connect_ext(move |stream: &Bounded, extensions| {
                extensions.insert(Rc::clone(stream.connection()));
                if let Some(hook) = &on_connect {
                    hook(stream.io(), extensions);
                }
            })
            .finish(map_config(factory(), |()| AppConfig::default()));
        fn_service(move |io: TcpStream| admission::admit(io, connections.clone())).and_then(http)
    };
    Ok(builder.listen("http", listener, serve)?.run())
}
