//! The listening socket.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Socket, Type};

/// Maximum number of connections that the kernel queues until the process accepts them.
const BACKLOG: u16 = 1024;

/// Listens on `address`.
pub(super) fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Without it, a restart must wait until the kernel has forgotten the connections of the previous process.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.into())?;
    Ok(socket.into())
}
