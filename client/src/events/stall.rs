//! Bounds what a reader that reads nothing can hold on to.
//!
//! A stream that is not read is not polled, so it cannot notice. The kernel can: it drops a connection
//! that has taken nothing for [`LIMIT`] while there was something to take (tcp(7), `TCP_USER_TIMEOUT`;
//! it covers a peer that is gone as well as one whose window stays shut). And it keeps no more than
//! [`SEND_BUFFER`] for it; by itself that would grow to megabytes.

use std::{any::Any, io, time::Duration};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// How long a connection may take nothing of what is sent to it.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What the kernel is asked to keep for a connection, in bytes. Linux doubles it.
pub const SEND_BUFFER: usize = 64 * 1024;

/// A hook for `Server::on_connect`.
pub fn bound(io: &dyn Any, _: &mut Extensions) {
    if let Some(stream) = io.downcast_ref::<TcpStream>()
        && let Err(error) = set(SockRef::from(stream))
    {
        log::debug!("a connection that stalls will not be noticed: {error}");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a reference itself")]
fn set(socket: SockRef<'_>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(LIMIT))?;
    socket.set_send_buffer_size(SEND_BUFFER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_connection_gets_its_bounds() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, _) = accepted.unwrap();
        bound(&stream, &mut Extensions::new());
        let socket = SockRef::from(&stream);
        // Linux doubles it, and counts its own needs in.
        assert!(socket.send_buffer_size().unwrap() <= 2 * SEND_BUFFER);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(LIMIT));
    }
}
