//! Resolves the backend's name and connects to one of its addresses.
//!
//! This replaces awc's own connector. awc's single timeout covers the look-up and all addresses together, so one
//! address that drops packets uses it up before the next address is tried. This connector starts a second attempt in
//! parallel if an address does not respond soon (the idea of Happy Eyeballs, RFC 8305).

use std::{
    cell::Cell,
    future::poll_fn,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    time::Duration,
};

use actix_service::{Service, fn_service};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::http::Uri;
use futures::{StreamExt as _, stream::FuturesUnordered};
use resilience_actors::within;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use super::{
    connections::{Connections, InUse, Slot},
    resolver::{Resolver, timed_out},
    shortage::Shortage,
    socket::{Socket, taken},
};

/// Longest delay between the start of a connect and the start of a parallel connect to the next address, if a spare
/// slot is free.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

thread_local! {
    /// True while the currently polled request waits for a new connection, and also if no connection was made. awc does
    /// not tell a connector which request it connects for, but polls the connector within the request's future.
    static CONNECTING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `request` to completion. Sets `connecting` to true while the request waits for a new connection; a request
/// that gets a pooled connection leaves it false. Also returns the connection, which counts as in use until the
/// returned [`InUse`] is dropped; `None` if the request wrote nothing to a connection.
pub(super) async fn track_connection<F: Future>(
    request: F,
    connecting: &Cell<bool>,
) -> (F::Output, Option<InUse>) {
    let (mut request, mut connection) = (pin!(request), None);
    poll_fn(|cx| {
        CONNECTING.set(connecting.get());
        // A request that panicked in its poll may have left its connection there.
        drop(taken());
        let polled = request.as_mut().poll(cx);
        connecting.set(CONNECTING.get());
        if let Some(taken) = taken() {
            connection = Some(taken);
        }
        polled.map(|output| (output, connection.take()))
    })
    .await
}

/// Creates the connector. `limit` applies to the look-up of the name, and again to the connect to each address.
pub(super) fn service(
    limit: Duration,
    resolver: Rc<Resolver>,
    connections: Rc<Connections>,
) -> impl Service<
    ConnectInfo<Uri>,
    Response = Connection<Uri, Socket>,
    Error = ConnectError,
    Future = impl Future<Output = Result<Connection<Uri, Socket>, ConnectError>>,
> + Clone
+ 'static {
    fn_service(move |info: ConnectInfo<Uri>| {
        let (resolver, connections) = (Rc::clone(&resolver), Rc::clone(&connections));
        async move {
            let host = info.hostname().trim_start_matches('[').trim_end_matches(']').to_owned();
            CONNECTING.set(true);
            let addresses = resolver.resolve(&host, info.port(), limit);
            let mut addresses = addresses.await.map_err(ConnectError::Io)?;
            // `resolve` returns at least one. Start at a random address to spread the load of all clients over the
            // addresses.
            let first = rand::random_range(0..addresses.len());
            addresses.rotate_left(first);
            let connected = connect_to_any(&addresses, limit, &connections).await;
            let (io, slot) = connected.map_err(ConnectError::Io)?;
            CONNECTING.set(false);
            let stream = connections.add(io, slot);
            Ok(Connection::new(info.request().clone(), Socket::new(stream)))
        }
    })
}

/// Connects to the address that accepts first. Tries the next address when no attempt is running. Tries it in parallel
/// when an attempt fails, or after [`ATTEMPT_DELAY`] (`limit / addresses` if that is shorter), if a spare slot is free.
/// Without spare slots one attempt runs at a time, and each has the whole `limit`.
async fn connect_to_any(
    addresses: &[SocketAddr],
    limit: Duration,
    connections: &Connections,
) -> io::Result<(TcpStream, Slot)> {
    let delay = ATTEMPT_DELAY.min(limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX));
    let (mut attempts, mut failures) = (FuturesUnordered::new(), Vec::new());
    let mut untried = addresses.iter();
    loop {
        let slot = match attempts.len() {
            0 => Some(connections.slot()?),
            // A parallel attempt is optional: without a spare slot, the loop asks again after `delay`.
            _ if untried.len() > 0 => connections.spare_slot(),
            _ => None,
        };
        if let Some(slot) = slot
            && let Some(address) = untried.next()
        {
            attempts.push(connect(*address, limit, slot));
        }
        tokio::select! {
            Some(ended) = attempts.next() => match ended {
                Ok(connected) => return Ok(connected),
                Err(error) => failures.push(error),
            },
            () = sleep(delay), if untried.len() > 0 => {}
        }
        if attempts.is_empty() && untried.len() == 0 {
            break;
        }
    }
    Err(connect_error(addresses, failures))
}

/// Returns the error to report when the connects to all `addresses` failed: a shortage if one failure reports it, or if
/// all report that no local port is left; else the last failure.
fn connect_error(addresses: &[SocketAddr], mut failures: Vec<io::Error>) -> io::Error {
    let shortage = failures.iter().find_map(Shortage::of);
    match shortage.or_else(|| Shortage::of_ports(addresses, &failures)) {
        Some(shortage) => shortage.into(),
        None => failures.pop().unwrap_or_else(|| ErrorKind::NotFound.into()),
    }
}

async fn connect(
    address: SocketAddr,
    limit: Duration,
    slot: Slot,
) -> io::Result<(TcpStream, Slot)> {
    let due = (Instant::now() + limit).into_std();
    let stream = within(due, TcpStream::connect(address)).await.unwrap_or_else(|| {
        Err(timed_out(format!("no connection within {:.1}s", limit.as_secs_f64())))
    })?;
    // A request is a small GET without a body, so Nagle's algorithm could only delay it.
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

#[cfg(test)]
mod tests {
    use resilience_actors::adapters::http::describe;
    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::transport::connections::ConnectionBudget;

    const LIMIT: Duration = Duration::from_millis(200);

    fn listening() -> (std::net::TcpListener, SocketAddr) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn refusing() -> SocketAddr {
        listening().1
    }

    /// A listener whose backlog is full: the kernel drops further connects without a response.
    async fn silent() -> (Socket, Vec<TcpStream>, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut fill = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(LIMIT, TcpStream::connect(address)).await {
            fill.push(stream);
        }
        (socket, fill, address)
    }

    fn connections(calls: usize, idle: usize) -> Rc<Connections> {
        Rc::new(Connections::new(ConnectionBudget::new(calls, idle)))
    }

    #[actix_web::test]
    async fn a_silent_or_refusing_address_does_not_hide_a_working_one() {
        let (_socket, _fill, silent) = silent().await;
        let (_listener, good) = listening();
        for idle in [0, 10] {
            let addresses = [silent, refusing(), good];
            let connected = connect_to_any(&addresses, LIMIT, &connections(1, idle)).await;
            let (stream, _) = connected.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
        }
    }

    #[actix_web::test]
    async fn five_silent_addresses_do_not_use_up_the_connect_timeout() {
        let (_socket, _fill, silent) = silent().await;
        let (_listener, good) = listening();
        let addresses = [silent, silent, silent, silent, silent, good];
        let limit = Duration::from_secs(60);
        let connections = connections(1, 10);
        let connecting = connect_to_any(&addresses, limit, &connections);
        let connected = tokio::time::timeout(limit / 2, connecting).await.unwrap();
        assert_eq!(connected.unwrap().0.peer_addr().unwrap(), good);
    }

    #[actix_web::test]
    async fn the_error_is_that_of_the_last_address_to_fail() {
        let (_socket, _fill, silent) = silent().await;
        for addresses in [[refusing(), silent], [silent, refusing()]] {
            let error = connect_to_any(&addresses, LIMIT, &connections(1, 10)).await.unwrap_err();
            assert_eq!(describe(&error), "no connection within 0.2s");
        }
        let error = connect_to_any(&[refusing()], LIMIT, &connections(1, 10)).await.unwrap_err();
        assert_eq!(describe(&error), "connection refused");
    }

    #[test]
    fn a_shortage_is_reported_although_another_address_fails_later() {
        let addresses = [refusing(), refusing()];
        let failures = || vec![io::Error::from_raw_os_error(libc::EMFILE), timed_out("no".into())];
        assert!(Shortage::of(&connect_error(&addresses, failures())).is_some());
        let others = vec![ErrorKind::ConnectionRefused.into(), timed_out("no".into())];
        assert_eq!(connect_error(&addresses, others).kind(), ErrorKind::TimedOut);
    }

    #[actix_web::test]
    async fn an_exhausted_connection_budget_is_a_shortage() {
        let (_listener, good) = listening();
        let error = connect_to_any(&[good], LIMIT, &connections(0, 0)).await.unwrap_err();
        assert!(Shortage::of(&error).is_some(), "{error}");
    }

    #[actix_web::test]
    async fn a_request_is_connecting_until_its_connection_is_open() {
        let (_socket, _fill, silent) = silent().await;
        let (_listener, good) = listening();
        for (address, expected) in [(silent, true), (good, false)] {
            let client = super::super::client(LIMIT * 100, Rc::default(), connections(1, 10));
            let connecting = Cell::new(false);
            let request = client.get(format!("http://{address}/")).send();
            let ended = tokio::time::timeout(LIMIT, track_connection(request, &connecting)).await;
            assert!(ended.is_err(), "no server answers");
            assert_eq!(connecting.get(), expected);
        }
    }
}
