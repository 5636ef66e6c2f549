//! Connects to one of an upstream's addresses.
//!
//! A second attempt runs in parallel if an address does not respond soon, and the families of the addresses alternate
//! (the idea of Happy Eyeballs, RFC 8305). An attempt ends with the handshake of TLS, so an address that accepts a
//! connection and then is silent is treated as one that does not accept it.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use resilience_actors::within;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use super::{
    connection_settings::ConnectionSettings,
    connections::{Connections, Slot},
    io::Io,
    resolver::timed_out,
    shortage::Shortage,
};

/// Longest delay between the start of a connect and the start of a parallel connect to the next address, if a spare
/// slot is free.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the address that accepts first. Starts at a random one, to spread the load of all clients over the
/// addresses.
pub(super) async fn connect_to_any(
    mut addresses: Vec<SocketAddr>,
    settings: &ConnectionSettings,
    connections: &Connections,
) -> io::Result<(Io, Slot)> {
    if !addresses.is_empty() {
        let first = rand::random_range(0..addresses.len());
        addresses.rotate_left(first);
    }
    connect_in_order(&alternate(addresses), settings, connections).await
}

/// Tries the next address when no attempt is running. Tries it in parallel when an attempt fails, or after
/// [`ATTEMPT_DELAY`] (`limit / addresses` if that is shorter), if a spare slot is free. Without spare slots one attempt
/// runs at a time, and each has the whole `limit`.
async fn connect_in_order(
    addresses: &[SocketAddr],
    settings: &ConnectionSettings,
    connections: &Connections,
) -> io::Result<(Io, Slot)> {
    let limit = settings.connect_timeout;
    let delay = ATTEMPT_DELAY.min(limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX));
    let (mut attempts, mut failures) = (FuturesUnordered::new(), Vec::new());
    let mut untried = addresses.iter();
    loop {
        let slot = match attempts.len() {
            0 => Some(connections.slot()?),
            // A parallel attempt is optional: without a spare slot, the loop asks again after `delay`.
            _ if untried.len() > 0 => connections.spare_slot(),
            _ => None,
        };
        if let Some(slot) = slot
            && let Some(address) = untried.next()
        {
            attempts.push(connect(*address, settings, slot));
        }
        tokio::select! {
            Some(ended) = attempts.next() => match ended {
                Ok(connected) => return Ok(connected),
                Err(error) => failures.push(error),
            },
            () = sleep(delay), if untried.len() > 0 => {}
        }
        if attempts.is_empty() && untried.len() == 0 {
            break;
        }
    }
    Err(connect_error(addresses, failures))
}

/// Returns the error to report when the connects to all `addresses` failed: a shortage if one failure reports it, or if
/// all report that no local port is left; else the last failure.
fn connect_error(addresses: &[SocketAddr], mut failures: Vec<io::Error>) -> io::Error {
    let shortage = failures.iter().find_map(Shortage::of);
    match shortage.or_else(|| Shortage::of_ports(addresses, &failures)) {
        Some(shortage) => shortage.into(),
        None => failures.pop().unwrap_or_else(|| ErrorKind::NotFound.into()),
    }
}

/// Alternates the families, beginning with that of the first address. So a family without a working route delays the
/// connect to an address of the other one only once. Keeps the order within each family (RFC 8305, 4).
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        all.extend(first.next());
        all.extend(second.next());
    }
    all
}

/// Connects to one address, with the handshake of TLS.
async fn connect(
    address: SocketAddr,
    settings: &ConnectionSettings,
    slot: Slot,
) -> io::Result<(Io, Slot)> {
    let limit = settings.connect_timeout;
    let due = (Instant::now() + limit).into_std();
    let late = |what: &str| timed_out(format!("no {what} within {:.1}s", limit.as_secs_f64()));
    let tcp = within(due, TcpStream::connect(address));
    let tcp = tcp.await.unwrap_or_else(|| Err(late("connection")))?;
    // A request is a small GET without a body, so Nagle's algorithm could only delay it.
    tcp.set_nodelay(true)?;
    let Some(tls) = &settings.tls else { return Ok((Io::Plain(tcp), slot)) };
    let tls = within(due, tls.handshake(tcp));
    let tls = tls.await.unwrap_or_else(|| Err(late("TLS handshake")))?;
    Ok((Io::Tls(Box::new(tls)), slot))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) mod testing;
