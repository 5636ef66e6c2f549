//! Ends a connection with a TCP reset instead of an answer.
//!
//! Closing a socket normally sends a FIN. A socket with a linger time of zero sends a reset when it is closed. A
//! handler has no access to its socket, so each connection keeps a second descriptor of its socket. The linger option
//! belongs to the socket, so it can be set through either descriptor.

use std::{
    any::Any,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

struct Socket(OwnedFd);

/// A hook for `Server::on_connect`. Without it, [`reset`] closes the connection with a FIN.
pub fn remember_socket(io: &dyn Any, extensions: &mut Extensions) {
    let stream = io.downcast_ref::<TcpStream>();
    match stream.map(|stream| stream.as_fd().try_clone_to_owned()) {
        Some(Ok(descriptor)) => {
            extensions.insert(Socket(descriptor));
        }
        Some(Err(error)) => log::warn!("this connection cannot be reset on demand: {error}"),
        None => {}
    }
}

/// A response that resets the connection and sends no byte.
pub fn reset(request: &HttpRequest) -> HttpResponse {
    if let Some(Socket(descriptor)) = request.conn_data()
        && let Err(error) = SockRef::from(descriptor).set_linger(Some(Duration::ZERO))
    {
        log::warn!("a connection is closed instead of reset: {error}");
    }
    service_edge::abort()
}
