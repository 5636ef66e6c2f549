//! Admits or refuses new connections.
//!
//! Beyond `MAX_CONNECTIONS`, a connection is refused at once with 503 and `Retry-After`. Probes are answered all the
//! same: an orchestrator that gets no answer would end a process that is only in demand. So the first bytes of the
//! connection are read before anything is spent on it. If `ConnectionLimits::screened` connections are being read
//! already, it is refused without reading.

use std::{future::poll_fn, io, mem::MaybeUninit, net::SocketAddr, task::Poll};

use actix_http::{Protocol, error::DispatchError};
use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use tokio::io::AsyncWriteExt as _;

use super::{probe_detection::asks_for_probe, stream::BoundedStream};
use crate::{
    connections::tracker::{Admission, ConnectionTracker},
    http::connection_limit::refusal,
};

/// Returns the stream of a connection that is admitted.
///
/// # Errors
/// The connection was refused and is closed.
pub(super) async fn admit(
    io: TcpStream,
    connections: ConnectionTracker,
) -> Result<(BoundedStream, Protocol, Option<SocketAddr>), DispatchError> {
    let peer = io.peer_addr().ok();
    let response = || refusal(connections.limits().served).to_closing_response();
    let connection = match connections.admit() {
        Admission::Served(connection) => {
            return Ok((BoundedStream::new(io, connection), Protocol::Http1, peer));
        }
        Admission::Screened(connection) => connection,
        Admission::Refused => {
            connections.count_refusal();
            let _ = refuse_at_once(&io, &response());
            return Err(DispatchError::DisconnectTimeout);
        }
    };
    if asks_for_probe(&io).await {
        return Ok((BoundedStream::new(io, connection), Protocol::Http1, peer));
    }
    connections.count_refusal();
    if connection.begin_closing() {
        refuse(BoundedStream::new(io, connection), &response()).await;
    } else {
        let _ = refuse_at_once(&io, &response());
    }
    Err(DispatchError::DisconnectTimeout)
}

/// Sends `response` and closes, with time for the peer to read it.
async fn refuse(mut stream: BoundedStream, response: &[u8]) {
    poll_fn(|cx| {
        stream.refuse(response, cx);
        Poll::Ready(())
    })
    .await;
    let _ = stream.shutdown().await;
}

/// Sends `response` and closes without waiting. Reads what has arrived first: the kernel resets a socket that is closed
/// with unread bytes, and the reset may overtake the response.
fn refuse_at_once(io: &TcpStream, response: &[u8]) -> io::Result<()> {
    let socket = SockRef::from(io);
    let mut unread = [MaybeUninit::uninit(); 2048];
    let _ = socket.recv(&mut unread);
    socket.send(response)?;
    socket.shutdown(std::net::Shutdown::Write)
}
