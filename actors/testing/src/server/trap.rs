//! A listener to which no connection is expected.

use std::net::{SocketAddr, TcpListener};

/// Counts connections, and answers none.
#[derive(Debug)]
pub struct Trap(TcpListener);

impl Trap {
    /// Listens on `address`. Its port may be 0.
    pub fn set(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        // The kernel queues connections until they are accepted.
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Number of connections since the last call of this function.
    pub fn caught(&self) -> usize {
        self.0.incoming().map_while(Result::ok).count()
    }
}
