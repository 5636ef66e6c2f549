//! How connections to one upstream are made, and how long they are kept.

use std::time::Duration;

use super::tls::TlsConfig;

/// How connections to one upstream are made, and how long they are kept. Clones share the sessions of TLS.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionSettings {
    /// Maximum time to resolve the name, and again to connect to each of its addresses, with the handshake of TLS.
    pub connect_timeout: Duration,
    /// `None`: plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Maximum age of a connection that a request may use. An older one is closed when it is idle.
    pub max_age: Duration,
    /// Maximum time without a request after which a request may use a connection. Then it is closed.
    pub idle_timeout: Duration,
}

impl ConnectionSettings {
    /// The port of a URL that names none.
    pub(super) fn default_port(&self) -> u16 {
        if self.tls.is_some() { 443 } else { 80 }
    }
}
