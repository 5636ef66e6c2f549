//! The socket that listens, closed in such a way that nobody who came in is lost.
//!
//! The kernel finishes handshakes by itself, and keeps who came in waiting until the process takes them.
//! A socket that is closed resets all who wait. So newcomers are turned away first: a filter drops their
//! first packet (SYN), as a packet is lost. They try again, and find another process, or nobody: they
//! are refused before they have sent anything. Meanwhile those who wait are taken as always.
//!
//! Where there are no such filters (they are Linux's), those few who come in at the very moment of the
//! end are lost.

use std::{io, net::TcpListener};

use socket2::Socket;

/// A second handle to a socket that listens.
#[derive(Debug)]
pub(crate) struct Door(Socket);

impl Door {
    /// Of the socket that the server listens on.
    pub(crate) fn of(listener: &TcpListener) -> io::Result<Self> {
        Ok(Self(listener.try_clone()?.into()))
    }

    /// Turns newcomers away. Who is in, or has begun to come in, comes in.
    pub(crate) fn turn_newcomers_away(&self) {
        if let Err(error) = self.drop_first_packets() {
            log::debug!("newcomers are not turned away before the end: {error}");
        }
    }

    #[cfg(target_os = "linux")]
    fn drop_first_packets(&self) -> io::Result<()> {
        use socket2::SockFilter;

        // Where the flags are in a TCP header (RFC 9293, 3.1), and the two that count.
        const FLAGS: u32 = 13;
        const SYN: u32 = 0x02;
        const ACK: u32 = 0x10;
        // Operations of classic BPF (linux/bpf_common.h), which sees the TCP header first.
        const LOAD_BYTE: u16 = 0x30;
        const AND: u16 = 0x54;
        const JUMP_IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        self.0.attach_filter(&[
            SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
            SockFilter::new(AND, 0, 0, SYN | ACK),
            SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
            SockFilter::new(RETURN, 0, 0, 0),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
        ])
    }

    #[cfg(not(target_os = "linux"))]
    fn drop_first_packets(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{ErrorKind, Read, Write},
        net::{Ipv4Addr, TcpStream},
        time::Duration,
    };

    use super::*;
    use crate::listen::listener;

    #[test]
    fn who_waits_is_taken_and_newcomers_send_nothing() {
        let listener = listener((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let door = Door::of(&listener).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = TcpStream::connect(address).unwrap();
        door.turn_newcomers_away();
        waiting.write_all(b"hello").unwrap();

        let connect = TcpStream::connect_timeout(&address, Duration::from_millis(100));
        assert_eq!(connect.unwrap_err().kind(), ErrorKind::TimedOut);

        let (mut taken, _) = listener.accept().unwrap();
        taken.write_all(b"hello yourself").unwrap();
        drop(taken.shutdown(std::net::Shutdown::Write));
        let mut answer = String::new();
        waiting.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello yourself");
        drop(waiting);
        answer.clear();
        taken.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello");
    }
}
