//! The client of the `healthcheck` command.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::{config::common_settings::CommonSettings, untrusted_text::shorten};

/// Maximum time for the connection, and for each read and write.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum number of bytes read of the response; `/health` needs less.
const MAX_ANSWER: u64 = 16 * 1024;

/// Maximum number of characters of the response that an error shows.
const MAX_SHOWN: usize = 200;

/// The address of the service that runs with these settings on this machine.
pub(super) fn address(common: &CommonSettings) -> SocketAddr {
    SocketAddr::new(reachable(common.host), common.port)
}

/// The address at which a service that listens on `host` can be reached from its own machine.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}

/// Requests `/health` of the service at `address`.
///
/// # Errors
/// The service cannot be reached, or its status is not 200.
pub(super) fn check(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&answer);
    let first = shorten(answer.lines().next().unwrap_or_default(), MAX_SHOWN);
    Err(io::Error::other(format!("it says {first:?}")))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    fn saying(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer).unwrap();
        });
        address
    }

    #[test]
    fn only_a_200_is_healthy() {
        assert!(check(saying(b"HTTP/1.1 200 OK\r\n\r\n{}")).is_ok());
        for answer in [&b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..], b"", b"garbage"] {
            let error = check(saying(answer)).unwrap_err();
            assert!(error.to_string().starts_with("it says"), "{error}");
        }
    }

    #[test]
    fn an_address_without_a_listener_is_not_healthy() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(check(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_service_on_all_addresses_is_checked_on_loopback() {
        for (host, asked) in [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3")] {
            assert_eq!(reachable(host.parse().unwrap()).to_string(), asked);
        }
    }
}
