//! Resolves the backend's name and connects to one of its addresses.
//!
//! In place of awc's own connector, whose one timeout covers the name and all addresses together:
//! an address that swallows packets would use it up, and the good address behind it would never be
//! tried.

use std::{
    cell::Cell,
    future::poll_fn,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    time::Duration,
};

use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::http::Uri;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::socket::Socket;

thread_local! {
    /// Whether the request that is being polled looks for a connection. awc does not tell a
    /// connector for whom it connects, but polls it within the request's own future.
    static CONNECTING: Cell<bool> = const { Cell::new(false) };
}

/// Drives `request` to its end, and keeps in `connecting` whether it looks for a connection. One
/// that gets a connection from the pool never does.
pub(super) async fn watched<F: Future>(request: F, connecting: &Cell<bool>) -> F::Output {
    let mut request = pin!(request);
    poll_fn(|cx| {
        CONNECTING.set(connecting.get());
        let polled = request.as_mut().poll(cx);
        connecting.set(CONNECTING.get());
        polled
    })
    .await
}

/// A connector in which resolving, and connecting to each address, may take `limit`.
pub(super) fn service(
    limit: Duration,
) -> impl Service<
    ConnectInfo<Uri>,
    Response = Connection<Uri, Socket>,
    Error = ConnectError,
    Future = impl Future<Output = Result<Connection<Uri, Socket>, ConnectError>>,
> + Clone
+ 'static {
    fn_service(move |info: ConnectInfo<Uri>| async move {
        let host = info.hostname().trim_start_matches('[').trim_end_matches(']').to_owned();
        CONNECTING.set(true);
        let stream = connect(&host, info.port(), limit).await.map_err(ConnectError::Io)?;
        CONNECTING.set(false);
        Ok(Connection::new(info.request().clone(), Socket::new(stream)))
    })
}

async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let mut addresses = resolve(host, port, limit).await?;
    // From a random one on, so that clients share the load out over what is behind the name.
    let first = rand::random_range(0..addresses.len());
    addresses.rotate_left(first);
    connect_to_any(&addresses, limit).await
}

async fn connect_to_any(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let mut last = ErrorKind::NotFound.into();
    for address in addresses {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // One small request at a time: waiting for more to send would only delay it.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = timed_out(format!("no connection within {:.1}s", limit.as_secs_f64())),
        }
    }
    Err(last)
}

async fn resolve(host: &str, port: u16, limit: Duration) -> io::Result<Vec<SocketAddr>> {
    let resolved = match timeout(limit, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect::<Vec<_>>()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => return Err(timed_out(format!("cannot resolve {host:?} in time"))),
    };
    match resolved {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(io::Error::new(ErrorKind::NotFound, format!("{host:?} has no address"))),
        Err(error) => {
            Err(io::Error::new(ErrorKind::NotFound, format!("cannot resolve {host:?}: {error}")))
        }
    }
}

fn timed_out(what: String) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, what)
}

/// An error of a connection in a few words, without the system's number for it.
pub(super) fn describe(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".into(),
        ErrorKind::ConnectionReset => "connection reset".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    fn listening() -> (std::net::TcpListener, SocketAddr) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn refusing() -> SocketAddr {
        listening().1
    }

    /// A socket that lets nobody in any more, and says so to nobody: its backlog is full.
    async fn silent() -> (Socket, Vec<TcpStream>, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut fill = Vec::new();
        while let Ok(Ok(stream)) = timeout(LIMIT, TcpStream::connect(address)).await {
            fill.push(stream);
        }
        (socket, fill, address)
    }

    #[actix_web::test]
    async fn an_address_that_is_silent_or_refuses_does_not_keep_from_the_good_one_behind_it() {
        let (_socket, _fill, silent) = silent().await;
        let (_listener, good) = listening();
        let stream = connect_to_any(&[silent, refusing(), good], LIMIT).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    }

    #[actix_web::test]
    async fn the_last_address_says_why_none_could_be_connected_to() {
        let (_socket, _fill, silent) = silent().await;
        let error = connect_to_any(&[refusing(), silent], LIMIT).await.unwrap_err();
        assert_eq!(describe(&error), "no connection within 0.2s");
        let error = connect_to_any(&[silent, refusing()], LIMIT).await.unwrap_err();
        assert_eq!(describe(&error), "connection refused");
    }

    #[actix_web::test]
    async fn a_request_is_connecting_for_as_long_as_its_connection_is_looked_for() {
        let (_socket, _fill, silent) = silent().await;
        let (_listener, good) = listening();
        for (address, expected) in [(silent, true), (good, false)] {
            let client = super::super::client(LIMIT * 100);
            let connecting = Cell::new(false);
            let request = client.get(format!("http://{address}/")).send();
            let ended = timeout(LIMIT, watched(request, &connecting)).await;
            assert!(ended.is_err(), "nobody answers");
            assert_eq!(connecting.get(), expected);
        }
    }

    #[actix_web::test]
    async fn names_and_literal_addresses_of_both_families_are_resolved() {
        for host in ["localhost", "127.0.0.1", "::1"] {
            let addresses = resolve(host, 5000, LIMIT * 10).await.unwrap();
            assert!(addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 5000), "{host}");
        }
    }
}
