//! A listener that nothing should connect to.

use std::net::{SocketAddr, TcpListener};

/// Counts the connections to it, and answers none.
#[derive(Debug)]
pub struct Trap(TcpListener);

impl Trap {
    /// Listens on `address`, of which the port may be 0.
    pub fn set(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        // The kernel keeps connections until they are asked for.
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Number of connections since this was last asked.
    pub fn caught(&self) -> usize {
        self.0.incoming().map_while(Result::ok).count()
    }
}
