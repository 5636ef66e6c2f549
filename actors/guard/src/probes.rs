//! Tells from the first bytes of a connection whether they are a probe.

use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::{
    task::yield_now,
    time::{sleep, timeout},
};

/// Maximum time for the first bytes to arrive.
const FIRST_BYTES: Duration = Duration::from_secs(1);

/// Interval at which incomplete first bytes are read again. The runtime cannot wait for more bytes than a peek has
/// seen.
const PEEK_INTERVAL: Duration = Duration::from_millis(10);

/// True if the first bytes are a GET for one of `paths`. Leaves the bytes in the socket.
pub(crate) async fn asks_for_probe(io: &TcpStream, paths: &[&str]) -> bool {
    let probes: Vec<_> = paths.iter().map(|path| format!("GET {path} ").into_bytes()).collect();
    if let Ok(is_probe) = timeout(FIRST_BYTES, peek_probe(io, &probes)).await {
        return is_probe;
    }
    // The process may have been stopped (SIGSTOP) past the timeout: bytes that wait in the socket are read first. The
    // runtime polls the socket when the task has yielded.
    yield_now().await;
    timeout(Duration::ZERO, peek_probe(io, &probes)).await == Ok(true)
}

async fn peek_probe(io: &TcpStream, probes: &[Vec<u8>]) -> bool {
    let longest = probes.iter().map(Vec::len).max().unwrap_or_default();
    // At least one byte, to wait until the first one has arrived.
    let mut head = vec![0; longest.max(1)];
    loop {
        let length = io.peek(&mut head).await.unwrap_or_default();
        if let Some(is_probe) = is_probe(&head[..length], probes) {
            return is_probe;
        }
        sleep(PEEK_INTERVAL).await;
    }
}

/// True if `head` begins with one of `probes`. `None` if more bytes are needed.
fn is_probe(head: &[u8], probes: &[Vec<u8>]) -> Option<bool> {
    if probes.iter().any(|probe| head.starts_with(probe)) {
        return Some(true);
    }
    let undecided = !head.is_empty() && probes.iter().any(|probe| probe.starts_with(head));
    (!undecided).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_probes_are_served_past_the_limit() {
        let probes = ["/health", "/ready", "/metrics"].map(|path| format!("GET {path} ").into());
        for head in ["GET /health HTTP", "GET /ready HTTP/", "GET /metrics HTT"] {
            assert_eq!(is_probe(head.as_bytes(), &probes), Some(true), "{head}");
        }
        for head in ["GET /healthy HTT", "GET /api/call-b", "POST /health HTT", "P", ""] {
            assert_eq!(is_probe(head.as_bytes(), &probes), Some(false), "{head}");
        }
        for head in ["G", "GET /", "GET /heal", "GET /metrics"] {
            assert_eq!(is_probe(head.as_bytes(), &probes), None, "{head}");
        }
        assert_eq!(is_probe(b"G", &[]), Some(false), "without probe paths nothing is a probe");
    }
}
