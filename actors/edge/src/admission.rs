//! At the door: who gets a place, and what becomes of the others.
//!
//! Past `MAX_CONNECTIONS` a connection is refused at once, in words that every client understands: 503, with
//! `Retry-After`. But whoever asks for [`PROBES`] is served all the same: an orchestrator that hears nothing would
//! kill the process for being in demand. So it is looked what the newcomer asks, before anything is
//! spent on it. Past `ConnectionLimits::screened` newcomers at a time there is no time for that.

use std::{future::poll_fn, io, mem::MaybeUninit, net::SocketAddr, task::Poll, time::Duration};

use actix_http::{Protocol, error::DispatchError};
use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use tokio::{
    io::AsyncWriteExt,
    task::yield_now,
    time::{sleep, timeout},
};

use crate::{
    bounded::Bounded,
    connections::tracker::{Admission, ConnectionTracker},
    http::connection_limit::{PROBES, refusal},
};

/// How long a newcomer without a place may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(1);

/// How soon it is looked again, where the first words are not all there.
const MORE_WORDS: Duration = Duration::from_millis(10);

/// The stream of a connection that is to be served.
///
/// # Errors
/// It is not: it was refused, and is closed.
pub(crate) async fn admit(
    io: TcpStream,
    connections: ConnectionTracker,
) -> Result<(Bounded, Protocol, Option<SocketAddr>), DispatchError> {
    let peer = io.peer_addr().ok();
    let connection = match connections.admit() {
        Admission::Served(connection) => {
            return Ok((Bounded::new(io, connection), Protocol::Http1, peer));
        }
        Admission::Screened(connection) => connection,
        Admission::Refused => {
            connections.count_refusal();
            let _ = slam(&io, &refusal(connections.limits().served).to_closing_response());
            return Err(DispatchError::DisconnectTimeout);
        }
    };
    if asks_for_probe_in_time(&io).await {
        return Ok((Bounded::new(io, connection), Protocol::Http1, peer));
    }
    connections.count_refusal();
    let answer = refusal(connections.limits().served).to_closing_response();
    if !connection.begin_closing() {
        let _ = slam(&io, &answer);
        return Err(DispatchError::DisconnectTimeout);
    }
    let mut stream = Bounded::new(io, connection);
    poll_fn(|cx| {
        stream.refuse(&answer, cx);
        Poll::Ready(())
    })
    .await;
    let _ = stream.shutdown().await;
    Err(DispatchError::DisconnectTimeout)
}

async fn asks_for_probe_in_time(io: &TcpStream) -> bool {
    if let Ok(is_probe) = timeout(PATIENCE, asks_for_probe(io)).await {
        return is_probe;
    }
    // Time may have stood still for the process (SIGSTOP): what waits in the socket is looked at before the limit
    // counts. The runtime knows of it when the task has yielded.
    yield_now().await;
    timeout(Duration::ZERO, asks_for_probe(io)).await == Ok(true)
}

/// Whether that is what the first words say, which may come in parts.
async fn asks_for_probe(io: &TcpStream) -> bool {
    let mut head = [0; 16];
    loop {
        let length = io.peek(&mut head).await.unwrap_or_default();
        if let Some(is_probe) = is_probe(&head[..length]) {
            return is_probe;
        }
        // Nobody is told when there is more to peek at.
        sleep(MORE_WORDS).await;
    }
}

/// None if that cannot be told yet.
fn is_probe(head: &[u8]) -> Option<bool> {
    let probes = PROBES.map(|path| format!("GET {path} "));
    if probes.iter().any(|probe| head.starts_with(probe.as_bytes())) {
        return Some(true);
    }
    let begun = !head.is_empty() && probes.iter().any(|probe| probe.as_bytes().starts_with(head));
    (!begun).then_some(false)
}

/// Answers and closes without waiting for anything. What has come in already is taken, for what is unread
/// when a socket is closed makes the kernel reset it.
fn slam(io: &TcpStream, answer: &[u8]) -> io::Result<()> {
    let socket = SockRef::from(io);
    let mut unread = [MaybeUninit::uninit(); 2048];
    let _ = socket.recv(&mut unread);
    socket.send(answer)?;
    socket.shutdown(std::net::Shutdown::Write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probes_are_served_past_the_limit() {
        for head in ["GET /health HTTP", "GET /ready HTTP/", "GET /metrics HTT"] {
            assert_eq!(is_probe(head.as_bytes()), Some(true), "{head}");
        }
        for head in ["GET /healthy HTT", "GET /api/call-b", "POST /health HTT", "P", ""] {
            assert_eq!(is_probe(head.as_bytes()), Some(false), "{head}");
        }
        for head in ["G", "GET /", "GET /heal", "GET /metrics"] {
            assert_eq!(is_probe(head.as_bytes()), None, "{head}");
        }
    }
}
