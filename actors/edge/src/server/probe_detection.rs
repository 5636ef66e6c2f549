//! Tells from the first bytes of a connection whether they are a probe.

use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::{
    task::yield_now,
    time::{sleep, timeout},
};

use crate::http::connection_limit::PROBES;

/// Maximum time for the first bytes to arrive.
const FIRST_BYTES: Duration = Duration::from_secs(1);

/// Interval at which incomplete first bytes are read again. The runtime cannot wait for more bytes than a peek has
/// seen.
const PEEK_INTERVAL: Duration = Duration::from_millis(10);

/// True if the first bytes are a GET for a probe path. Leaves the bytes in the socket.
pub(super) async fn asks_for_probe(io: &TcpStream) -> bool {
    if let Ok(is_probe) = timeout(FIRST_BYTES, peek_probe(io)).await {
        return is_probe;
    }
    // The process may have been stopped (SIGSTOP) past the timeout: bytes that wait in the socket are read first. The
    // runtime polls the socket when the task has yielded.
    yield_now().await;
    timeout(Duration::ZERO, peek_probe(io)).await == Ok(true)
}

async fn peek_probe(io: &TcpStream) -> bool {
    let mut head = [0; 16];
    loop {
        let length = io.peek(&mut head).await.unwrap_or_default();
        if let Some(is_probe) = is_probe(&head[..length]) {
            return is_probe;
        }
        sleep(PEEK_INTERVAL).await;
    }
}

/// True if `head` begins a GET for a probe path. `None` if more bytes are needed.
fn is_probe(head: &[u8]) -> Option<bool> {
    let probes = PROBES.map(|path| format!("GET {path} "));
    if probes.iter().any(|probe| head.starts_with(probe.as_bytes())) {
        return Some(true);
    }
    let undecided =
        !head.is_empty() && probes.iter().any(|probe| probe.as_bytes().starts_with(head));
    (!undecided).then_some(false)
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
