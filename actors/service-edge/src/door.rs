//! The socket that listens, closed in such a way that no accepted connection is lost.
//!
//! The kernel finishes handshakes by itself, and queues the connections until the process accepts them. Closing
//! the socket resets the whole queue. So the process first has the kernel refuse new connections, accepts what
//! is queued, and only then closes.
//!
//! New connections must not be dropped silently instead: a client then repeats its first packet (SYN), and on
//! Kubernetes conntrack sends the repeats to the same pod until the client gives up.
//!
//! Only Linux can refuse new connections and keep the queue, without privileges since 5.7. Elsewhere the
//! connections that are in the queue when the socket is closed are reset.

use std::{io, net::TcpListener};

use socket2::Socket;

/// A second handle to a socket that listens. The socket is closed when both handles are.
#[derive(Debug)]
pub(crate) struct Door(Socket);

impl Door {
    /// Of the socket that the server listens on.
    pub(crate) fn of(listener: &TcpListener) -> io::Result<Self> {
        Ok(Self(listener.try_clone()?.into()))
    }

    /// Refuses new connections at once (RST). Queued connections, and those whose handshake has begun, can still
    /// be accepted.
    pub(crate) fn refuse_newcomers(&self) {
        if let Err(error) = self.listen_on_no_interface() {
            log::debug!("connections may be reset when the listener is closed: {error}");
        }
    }

    /// The kernel looks for a listener by the interface that a SYN comes from, and finds this one no more. A
    /// handshake that has begun keeps its listener.
    #[cfg(target_os = "linux")]
    fn listen_on_no_interface(&self) -> io::Result<()> {
        use std::num::NonZeroU32;

        // The highest index; the kernel counts interfaces from 1.
        const NO_INTERFACE: Option<NonZeroU32> = NonZeroU32::new(i32::MAX.cast_unsigned());
        // SO_BINDTOIFINDEX, which is for IPv6 as well.
        self.0.bind_device_by_index_v4(NO_INTERFACE)
    }

    #[cfg(not(target_os = "linux"))]
    fn listen_on_no_interface(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{Ipv4Addr, Shutdown, TcpStream},
        time::Duration,
    };

    use super::*;
    use crate::listen::listener;

    #[test]
    fn queued_connection_is_accepted_and_a_new_one_is_refused_at_once() {
        let listener = listener((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let door = Door::of(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = TcpStream::connect(address).unwrap();
        door.refuse_newcomers();
        queued.write_all(b"hello").unwrap();

        let refused = TcpStream::connect_timeout(&address, Duration::from_secs(10));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);

        let (mut accepted, _) = listener.accept().unwrap();
        accepted.write_all(b"hello yourself").unwrap();
        accepted.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        queued.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello yourself");
        drop(queued);
        answer.clear();
        accepted.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello");
    }
}
