//! Ending a connection with a TCP reset instead of an answer.
//!
//! Closing a socket ends the connection politely, with FIN. A socket whose linger time is zero is
//! reset when it is closed. Handlers do not see their socket, so a second descriptor of it is kept
//! with each connection; the option belongs to the socket, whichever descriptor sets it.

use std::{
    any::Any,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

struct Socket(OwnedFd);

/// A hook for `Server::on_connect`, without which [`reset`] closes connections politely.
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

/// A response that resets the connection, with not one byte of answer.
pub fn reset(request: &HttpRequest) -> HttpResponse {
    if let Some(Socket(descriptor)) = request.conn_data()
        && let Err(error) = SockRef::from(descriptor).set_linger(Some(Duration::ZERO))
    {
        log::warn!("a connection is closed instead of reset: {error}");
    }
    service_edge::abort()
}
