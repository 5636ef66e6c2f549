//! Closes the listening socket without losing connections in its accept queue.
//!
//! The kernel completes handshakes and queues the connections until the process accepts them. Closing the socket
//! resets all queued connections. So the process first makes the kernel refuse new connections, then accepts the
//! queued ones, then closes the socket.
//!
//! Dropping new connections silently instead would make clients hang: a client repeats its first packet (SYN), and on
//! Kubernetes conntrack sends each repeat to the same pod.
//!
//! Only Linux can refuse new connections and keep the queue; since Linux 5.7 this needs no privileges. On other systems
//! the connections that are queued when the socket closes are reset.

use std::{io, net::TcpListener};

use socket2::Socket;

/// A second handle to the server's listening socket, which is closed when both handles are dropped.
#[derive(Debug)]
pub(crate) struct ListenerHandle(Socket);

impl ListenerHandle {
    /// Duplicates the handle of `listener`.
    pub(crate) fn of(listener: &TcpListener) -> io::Result<Self> {
        Ok(Self(listener.try_clone()?.into()))
    }

    /// Makes the kernel refuse new connections at once (RST). Queued connections, and those whose handshake has begun,
    /// can still be accepted.
    ///
    /// It binds the socket to an interface that does not exist. The kernel then finds no listener for a new SYN,
    /// because it compares the interface on which the SYN arrives. A handshake that has begun keeps its listener.
    #[cfg(target_os = "linux")]
    pub(crate) fn refuse_new_connections(&self) -> io::Result<()> {
        use std::num::NonZeroU32;

        // The highest index. The kernel numbers interfaces from 1, so no interface has it.
        const NO_INTERFACE: Option<NonZeroU32> = NonZeroU32::new(i32::MAX.cast_unsigned());
        // Sets SO_BINDTOIFINDEX, which works for IPv6 sockets as well.
        self.0.bind_device_by_index_v4(NO_INTERFACE)
    }

    /// Fails: only Linux can do this.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn refuse_new_connections(&self) -> io::Result<()> {
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

    #[test]
    fn a_queued_connection_is_accepted_and_a_new_one_refused_at_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let handle = ListenerHandle::of(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = TcpStream::connect(address).unwrap();
        handle.refuse_new_connections().unwrap();
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
