//! The stream's state.

use std::{pin::Pin, rc::Rc, task::Context};

use actix_web::{rt::net::TcpStream, web::Bytes};
use tokio::io::AsyncWrite as _;

use super::deadline::PeerDeadline;
use crate::{connections::connection::Connection, refusal::Refusal};

/// The stream of a connection.
pub(crate) struct BoundedStream {
    pub(super) io: TcpStream,
    pub(super) connection: Rc<Connection>,
    pub(super) deadline: PeerDeadline,
    /// What was read with the end of a chunked body, and may be requests: read in small steps.
    pub(super) behind_body: Bytes,
    /// Number of bytes read since the task last yielded.
    pub(super) read_since_yield: usize,
    /// True if unread bytes may wait in the socket or in `behind_body` and no wake-up will come for them.
    pub(super) held_back: bool,
    /// True if the stream sends and reads nothing more.
    pub(super) refused: bool,
    /// True while the stream is closed for writing and waits for the peer to close its side.
    pub(super) lingering: bool,
}

impl BoundedStream {
    pub(crate) fn new(io: TcpStream, connection: Connection) -> Self {
        let deadline = PeerDeadline::new(connection.limits());
        Self {
            io,
            connection: Rc::new(connection),
            deadline,
            behind_body: Bytes::new(),
            read_since_yield: 0,
            held_back: false,
            refused: false,
            lingering: false,
        }
    }

    pub(crate) fn io(&self) -> &TcpStream {
        &self.io
    }

    pub(crate) fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    /// Sends the refusal if it can be sent at once, then ends both directions. The caller shuts the stream down.
    pub(crate) fn refuse(&mut self, refusal: Refusal, cx: &mut Context<'_>) {
        self.refused = true;
        // Nothing else waits to be sent, so the socket has room for it.
        let _ = Pin::new(&mut self.io).poll_write(cx, &refusal.to_bytes());
    }
}
