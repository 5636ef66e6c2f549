//! awc's connector: resolves the upstream's name, and connects to one of its addresses.
//!
//! This replaces awc's own connector. awc's single timeout covers the look-up and all addresses together, so one
//! address that drops packets uses it up before the next address is tried. awc's own TLS would be above this connector,
//! whose socket would then see ciphertext. So awc is given `http` URIs, and this connector adds TLS.

use std::{cell::Cell, future::poll_fn, rc::Rc};

use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::http::Uri;
use futures::FutureExt as _;

use super::{
    connection_settings::ConnectionSettings,
    connections::{Connections, InUse},
    dial::connect_to_any,
    resolver::Resolver,
    socket::{Socket, taken, with_upload},
    upload::Upload,
};

thread_local! {
    /// True while the currently polled request waits for a new connection, and also if no connection was made. awc does
    /// not tell a connector which request it connects for, but polls the connector within the request's future.
    static CONNECTING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `request` to completion. Sets `connecting` to true while the request waits for a new connection; a request
/// that gets a pooled connection leaves it false. Also returns the connection, which counts as in use until the
/// returned [`InUse`] is dropped; `None` if the request wrote nothing to a connection. A request with an `upload` must
/// have no body of its own.
pub(super) fn track_connection<F: Future + Unpin>(
    mut request: F,
    connecting: &Cell<bool>,
    mut upload: Option<Box<Upload>>,
) -> impl Future<Output = (F::Output, Option<InUse>)> {
    let mut connection = None;
    poll_fn(move |cx| {
        CONNECTING.set(connecting.get());
        // A request that panicked in its poll may have left its connection there.
        drop(taken());
        let polled = with_upload(&mut upload, || request.poll_unpin(cx));
        connecting.set(CONNECTING.get());
        if let Some(taken) = taken() {
            connection = Some(taken);
        }
        polled.map(|output| (output, connection.take()))
    })
}

/// What awc gets. Boxed, because awc moves it several times for each request.
type Connected = Connection<Uri, Box<Socket>>;

/// Creates the connector.
pub(super) fn service(
    settings: ConnectionSettings,
    resolver: Rc<Resolver>,
    connections: Rc<Connections>,
) -> impl Service<
    ConnectInfo<Uri>,
    Response = Connected,
    Error = ConnectError,
    Future = impl Future<Output = Result<Connected, ConnectError>>,
> + Clone
+ 'static {
    let settings = Rc::new(settings);
    fn_service(move |info: ConnectInfo<Uri>| {
        let settings = Rc::clone(&settings);
        let (resolver, connections) = (Rc::clone(&resolver), Rc::clone(&connections));
        async move {
            let uri = info.request();
            let host = info.hostname().trim_start_matches('[').trim_end_matches(']');
            // The scheme says `http` with TLS too.
            let port = uri.port_u16().unwrap_or_else(|| settings.default_port());
            CONNECTING.set(true);
            let addresses = resolver.resolve(host, port, settings.connect_timeout);
            let addresses = addresses.await.map_err(ConnectError::Io)?;
            let connected = connect_to_any(addresses, &settings, &connections).await;
            let (io, slot) = connected.map_err(ConnectError::Io)?;
            CONNECTING.set(false);
            let socket = Box::new(Socket::new(connections.add(io, slot)));
            Ok(Connection::new(uri.clone(), socket))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::transport::dial::testing::{connections, listening, plain, silent};

    const LIMIT: Duration = Duration::from_millis(200);

    #[actix_web::test]
    async fn a_request_is_connecting_until_its_connection_is_open() {
        let (_socket, _fill, silent) = silent().await;
        let (_listener, good) = listening();
        for (address, expected) in [(silent, true), (good, false)] {
            let client = super::super::worker_client::client(
                &plain(LIMIT * 100),
                Rc::default(),
                connections(1, 10),
            );
            let connecting = Cell::new(false);
            let request = client.get(format!("http://{address}/")).send();
            let ended =
                tokio::time::timeout(LIMIT, track_connection(request, &connecting, None)).await;
            assert!(ended.is_err(), "no server answers");
            assert_eq!(connecting.get(), expected);
        }
    }
}
