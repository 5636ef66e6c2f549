//! Addresses that respond, refuse or are silent, for tests.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;

use crate::transport::{
    connection_settings::ConnectionSettings,
    connections::{ConnectionBudget, Connections},
};

/// Connections without TLS.
pub(crate) fn plain(connect_timeout: Duration) -> ConnectionSettings {
    let (max_age, idle_timeout) = (Duration::from_secs(75), Duration::from_secs(15));
    ConnectionSettings { connect_timeout, tls: None, max_age, idle_timeout }
}

pub(crate) fn listening() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) fn refusing() -> SocketAddr {
    listening().1
}

/// A connect that takes longer gets no response.
const FILL: Duration = Duration::from_millis(200);

/// A listener whose backlog is full: the kernel drops further connects without a response.
pub(crate) async fn silent() -> (Socket, Vec<TcpStream>, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut fill = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(FILL, TcpStream::connect(address)).await {
        fill.push(stream);
    }
    (socket, fill, address)
}

pub(in crate::transport) fn connections(calls: usize, idle: usize) -> Rc<Connections> {
    Rc::new(Connections::new(ConnectionBudget::new(calls, idle)))
}
