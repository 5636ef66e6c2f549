//! A connection of the server, plain or with TLS.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Longest wait for a client that has been told why its handshake failed.
const FAREWELL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls {
        stream: Box<StreamOwned<ServerConnection, TcpStream>>,
        /// True if it must end without close_notify.
        is_abandoned: bool,
    },
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> Self {
        // Each act is a segment of its own.
        let _ = tcp.set_nodelay(true);
        let Some(tls) = tls else { return Self::Plain(tcp) };
        let stream = Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), tcp));
        Self::Tls { stream, is_abandoned: false }
    }

    pub(super) fn server_name(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Tls { stream, .. } => stream.conn.server_name(),
        }
    }

    pub(super) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls { stream, .. } => stream.conn.alpn_protocol(),
        }
    }

    pub(super) fn abandon(&mut self) {
        if let Self::Tls { is_abandoned, .. } = self {
            *is_abandoned = true;
        }
    }

    pub(super) fn reset(&mut self) -> io::Result<()> {
        self.abandon();
        let tcp = match &*self {
            Self::Plain(tcp) => tcp,
            Self::Tls { stream, .. } => &stream.sock,
        };
        SockRef::from(tcp).set_linger(Some(Duration::ZERO))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Self::Tls { stream, is_abandoned: false } = self else { return };
        let StreamOwned { conn, sock } = &mut **stream;
        if conn.is_handshaking() {
            // A close with unread bytes would be a reset, which may overtake the alert.
            let _ = sock.shutdown(Shutdown::Write);
            let _ = sock.set_read_timeout(Some(FAREWELL));
            while sock.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
        } else {
            conn.send_close_notify();
            let _ = conn.write_tls(sock);
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls { stream, .. } => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls { stream, .. } => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls { stream, .. } => stream.flush(),
        }
    }
}
