//! Recognizes errors that are caused by a shortage of this process's own resources, not by the backend.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use resilience_actors::adapters::http::is_local_shortage;

/// A shortage of one of this process's resources. The text names the resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Shortage(String);

impl Shortage {
    /// All `max` connections that the budget allows are open.
    pub(super) fn of_connections(max: usize) -> io::Error {
        Self(format!("the limit of {max} connections to the backend is reached")).into()
    }

    /// Returns the shortage that `error` reports: file descriptors, memory, buffers, or a [`Shortage`] inside it.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        if let Some(shortage) = error.get_ref().and_then(|error| error.downcast_ref::<Self>()) {
            return Some(shortage.clone());
        }
        is_local_shortage(error).then(|| Self(error.to_string()))
    }

    /// Returns a shortage of local ports if the connects to all `addresses` failed with `EADDRNOTAVAIL`. An address
    /// family without an interface fails with the same error, so at least one address must have a route.
    pub(super) fn of_ports(addresses: &[SocketAddr], errors: &[io::Error]) -> Option<Self> {
        let unavailable = |error: &io::Error| error.raw_os_error() == Some(libc::EADDRNOTAVAIL);
        let is_ours = errors.iter().all(unavailable) && addresses.iter().any(has_route);
        is_ours.then(|| Self("no local port is left for another connection to the backend".into()))
    }

    /// To be called after a failed look-up. Opens a socket to find out whether the process lacks file descriptors:
    /// the system's resolver reports that shortage as a failed look-up.
    pub(super) fn of_resolution() -> Option<Self> {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).err().as_ref().and_then(Self::of)
    }
}

impl From<Shortage> for io::Error {
    fn from(shortage: Shortage) -> Self {
        Self::new(io::ErrorKind::QuotaExceeded, shortage)
    }
}

/// True if this machine has a route to `address`. Sends nothing: connecting a UDP socket only looks up the route.
fn has_route(address: &SocketAddr) -> bool {
    let socket = match address {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    };
    socket.and_then(|socket| socket.connect(address)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn a_shortage_is_found_in_the_system_s_errors_and_inside_another_error() {
        assert_eq!(Shortage::of(&os(libc::EMFILE)), Some(Shortage(os(libc::EMFILE).to_string())));
        assert_eq!(Shortage::of(&os(libc::ECONNREFUSED)), None);
        let lacks = Shortage("sockets".into());
        assert_eq!(Shortage::of(&lacks.clone().into()), Some(lacks));
    }

    #[test]
    fn lack_of_ports_is_a_shortage_only_if_every_address_reports_it_and_one_has_a_route() {
        let lacking = || os(libc::EADDRNOTAVAIL);
        let local: SocketAddr = ([127, 0, 0, 1], 5000).into();
        // Without SO_BROADCAST, connecting to the broadcast address fails: it counts as an address without a route.
        let nowhere: SocketAddr = ([255, 255, 255, 255], 5000).into();
        assert!(Shortage::of_ports(&[local], &[lacking()]).is_some());
        assert!(Shortage::of_ports(&[local, nowhere], &[lacking(), lacking()]).is_some());
        assert!(Shortage::of_ports(&[nowhere], &[lacking()]).is_none());
        let refused = os(libc::ECONNREFUSED);
        assert!(Shortage::of_ports(&[local, local], &[lacking(), refused]).is_none());
    }
}
