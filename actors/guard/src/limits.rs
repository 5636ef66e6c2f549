//! The limits of a server.

use std::time::Duration;

/// The limits of a [`GuardedServer`](crate::GuardedServer).
///
/// ```
/// use actix_connection_guard::Limits;
///
/// let limits = Limits { connections: 500, probe_paths: &["/health"], ..Limits::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of connections served at a time. At least 1. Default: 10 000.
    pub connections: usize,
    /// Maximum number of connections beyond `connections` whose first bytes are read, because they may be probes. As
    /// many again may be closing: they were refused and have time to read the 503. Default: 512.
    pub screened: usize,
    /// Paths that are answered, to a GET, on a connection beyond `connections`, such as `/health`. An orchestrator that
    /// gets no answer to its probe would end a process that is only busy. Default: none.
    pub probe_paths: &'static [&'static str],
    /// Maximum time that a connection may be without a request, and then again for the request's head. Default: 5 s.
    pub idle: Duration,
    /// Maximum size of a request's head in bytes. Default: 16 KiB.
    pub head: usize,
    /// Maximum time for a client to send a request's body, from when the handler first waits for it. Bytes that have
    /// arrived by then are still read. Default: 10 s.
    pub body: Duration,
    /// Maximum time that a client may take nothing of a response that waits for it. Default: 30 s.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            screened: 512,
            probe_paths: &[],
            idle: Duration::from_secs(5),
            head: 16 * 1024,
            body: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}
