//! Limits the memory and the time of a connection whose reader does not read.
//!
//! actix does not poll a stream while its connection accepts no data, so the stream cannot notice. The kernel drops the
//! connection if it accepts no data for [`LIMIT`] (tcp(7), `TCP_USER_TIMEOUT`), both if the peer is gone and if its
//! window stays closed. The kernel's send buffer is limited to [`SEND_BUFFER`]; by default it would grow to megabytes.

use std::{any::Any, io, time::Duration};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// Maximum time for which a connection may accept no data.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Size of the kernel's send buffer of a connection, in bytes. Linux doubles it.
pub const SEND_BUFFER: usize = 64 * 1024;

/// A hook for `Server::on_connect`.
pub fn bound(io: &dyn Any, _: &mut Extensions) {
    if let Some(stream) = io.downcast_ref::<TcpStream>()
        && let Err(error) = set(SockRef::from(stream))
    {
        log::debug!("a connection that stalls will not be noticed: {error}");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`SockRef` is a reference")]
fn set(socket: SockRef<'_>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(LIMIT))?;
    socket.set_send_buffer_size(SEND_BUFFER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn the_limits_of_a_connection_are_set() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, _) = accepted.unwrap();
        bound(&stream, &mut Extensions::new());
        let socket = SockRef::from(&stream);
        // Linux doubles the size, to include its own overhead.
        assert!(socket.send_buffer_size().unwrap() <= 2 * SEND_BUFFER);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(LIMIT));
    }
}
