//! Admits or refuses new connections.
//!
//! Beyond [`Limits::connections`](crate::Limits::connections), a connection is refused at once with 503 and
//! `Retry-After`. Probes are answered all the same: an orchestrator that gets no answer would end a process that is
//! only busy. So the first bytes of the connection are read before anything is spent on it. If
//! [`Limits::screened`](crate::Limits::screened) connections are being read already, it is refused without reading.

use std::{future::poll_fn, io, mem::MaybeUninit, net::SocketAddr, sync::Arc, task::Poll};

use actix_http::{Protocol, error::DispatchError};
use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use tokio::io::AsyncWriteExt as _;

use crate::{
    connections::tracker::{Admission, Connections},
    probes::asks_for_probe,
    refusal::Refusal,
    stream::BoundedStream,
};

/// Called for the first refused connection of a burst.
pub(crate) type OnFull = Arc<dyn Fn(&Connections) + Send + Sync>;

/// Returns the stream of a connection that is admitted.
///
/// # Errors
/// The connection was refused and is closed.
pub(crate) async fn admit(
    io: TcpStream,
    connections: Connections,
    on_full: Option<OnFull>,
) -> Result<(BoundedStream, Protocol, Option<SocketAddr>), DispatchError> {
    let peer = io.peer_addr().ok();
    let limits = *connections.limits();
    let refusal = Refusal::TooManyConnections { max: limits.connections };
    let count_refusal = || {
        if connections.count_refusal()
            && let Some(on_full) = &on_full
        {
            on_full(&connections);
        }
    };
    let connection = match connections.admit() {
        Admission::Served(connection) => {
            return Ok((BoundedStream::new(io, connection), Protocol::Http1, peer));
        }
        Admission::Screened(connection) => connection,
        Admission::Refused => {
            count_refusal();
            let _ = refuse_at_once(&io, refusal);
            return Err(DispatchError::DisconnectTimeout);
        }
    };
    if asks_for_probe(&io, limits.probe_paths).await {
        return Ok((BoundedStream::new(io, connection), Protocol::Http1, peer));
    }
    count_refusal();
    if connection.begin_closing() {
        refuse(BoundedStream::new(io, connection), refusal).await;
    } else {
        let _ = refuse_at_once(&io, refusal);
    }
    Err(DispatchError::DisconnectTimeout)
}

/// Sends the refusal and closes, with time for the peer to read it.
async fn refuse(mut stream: BoundedStream, refusal: Refusal) {
    poll_fn(|cx| {
        stream.refuse(refusal, cx);
        Poll::Ready(())
    })
    .await;
    let _ = stream.shutdown().await;
}

/// Sends the refusal and closes without waiting. Reads what has arrived first: the kernel resets a socket that is
/// closed with unread bytes, and the reset may overtake the response.
fn refuse_at_once(io: &TcpStream, refusal: Refusal) -> io::Result<()> {
    let socket = SockRef::from(io);
    let mut unread = [MaybeUninit::uninit(); 2048];
    let _ = socket.recv(&mut unread);
    socket.send(&refusal.to_bytes())?;
    socket.shutdown(std::net::Shutdown::Write)
}
