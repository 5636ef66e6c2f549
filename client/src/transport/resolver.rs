//! Resolves the backend's name. Connects that start while a look-up is running share that look-up.
//!
//! Each look-up needs a thread and file descriptors. A look-up for every connection would exhaust both under load.

use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{LocalBoxFuture, Shared},
};
use resilience_actors::within;
use tokio::{net::lookup_host, time::Instant};

use super::{place::Place, shortage::Shortage};

type Lookup = Shared<LocalBoxFuture<'static, Result<Rc<[SocketAddr]>, Failure>>>;

/// Why a look-up failed.
#[derive(Debug, Clone)]
enum Failure {
    /// This process lacked a resource, so the failure says nothing about the name.
    Ours(Shortage),
    Unresolved(String),
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Ours(shortage) => shortage.into(),
            Failure::Unresolved(why) => Self::new(ErrorKind::NotFound, why),
        }
    }
}

/// One worker's resolver.
#[derive(Default)]
pub(super) struct Resolver {
    /// The addresses are those of this place, whatever is asked for.
    place: Option<Place>,
    /// The most recent look-up: its host, its port, its start, and its result. It may have ended.
    running: RefCell<Option<(String, u16, Instant, Lookup)>>,
}

impl Resolver {
    /// A resolver whose answers are always the addresses of `place`.
    pub(super) fn of_place(place: Place) -> Self {
        Self { place: Some(place), running: RefCell::default() }
    }

    /// Returns the addresses of `host`, each with `port`, or those of the resolver's own place. Returns at least one.
    ///
    /// # Errors
    /// `host` has no address, the look-up failed, or it took longer than `limit`.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = match &self.place {
            None => (host, port),
            Some(Place::Name(host, port)) => (host.as_str(), *port),
            Some(Place::Address(address)) => return Ok(vec![*address]),
        };
        let due = (Instant::now() + limit).into_std();
        match within(due, self.lookup(host, port, limit)).await {
            Some(Ok(addresses)) => Ok(addresses.to_vec()),
            Some(Err(failure)) => Err(failure.into()),
            None => Err(timed_out(format!("cannot resolve {host:?} in time"))),
        }
    }

    fn lookup(&self, host: &str, port: u16, limit: Duration) -> Lookup {
        let mut running = self.running.borrow_mut();
        if let Some((of, its_port, since, lookup)) = &*running
            && (of.as_str(), *its_port) == (host, port)
            && lookup.peek().is_none()
            // An older look-up may wait for a reply that was lost.
            && since.elapsed() < limit
        {
            return lookup.clone();
        }
        let lookup = lookup(host.to_owned(), port).boxed_local().shared();
        // The task runs the look-up to its end even if every waiting connect gives up.
        actix_rt::spawn(lookup.clone());
        *running = Some((host.to_owned(), port, Instant::now(), lookup.clone()));
        lookup
    }
}

pub(super) fn timed_out(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

async fn lookup(host: String, port: u16) -> Result<Rc<[SocketAddr]>, Failure> {
    match lookup_host((host.as_str(), port)).await {
        Ok(addresses) => {
            let addresses: Rc<[_]> = addresses.collect();
            if addresses.is_empty() {
                return Err(Failure::Unresolved(format!("{host:?} has no address")));
            }
            Ok(addresses)
        }
        Err(error) => {
            let shortage = Shortage::of(&error).or_else(Shortage::of_resolution);
            Err(shortage.map_or_else(
                || Failure::Unresolved(format!("cannot resolve {host:?}: {error}")),
                Failure::Ours,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[actix_web::test]
    async fn names_and_literal_addresses_of_both_families_are_resolved() {
        let resolver = Resolver::default();
        for host in ["localhost", "127.0.0.1", "::1"] {
            let addresses = resolver.resolve(host, 5000, LIMIT).await.unwrap();
            assert!(addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 5000), "{host}");
        }
    }

    #[actix_web::test]
    async fn a_resolver_with_a_place_of_its_own_is_not_asked_for_the_name() {
        let address = SocketAddr::from(([127, 0, 0, 2], 7));
        for (place, expected) in [
            (Place::Address(address), address),
            (Place::Name("127.0.0.3".into(), 8), SocketAddr::from(([127, 0, 0, 3], 8))),
        ] {
            let resolver = Resolver::of_place(place);
            assert_eq!(resolver.resolve("name.invalid", 5000, LIMIT).await.unwrap(), [expected]);
        }
    }

    #[actix_web::test]
    async fn concurrent_connects_share_one_lookup_and_later_ones_do_not() {
        let resolver = Resolver::default();
        let lookup = |port| resolver.lookup("localhost", port, LIMIT);
        let [first, second] = [5000; 2].map(lookup);
        assert!(first.ptr_eq(&second));
        assert!(!lookup(5001).ptr_eq(&first));
        let third = lookup(5001);
        third.clone().await.unwrap();
        assert!(!lookup(5001).ptr_eq(&third));
    }

    #[actix_web::test]
    async fn a_lookup_that_takes_too_long_is_not_shared() {
        let resolver = Resolver::default();
        let lost = std::future::pending().boxed_local().shared();
        let began = Instant::now();
        *resolver.running.borrow_mut() = Some(("localhost".into(), 5000, began, lost.clone()));
        assert!(resolver.lookup("localhost", 5000, LIMIT).ptr_eq(&lost));
        assert!(!resolver.lookup("localhost", 5000, Duration::ZERO).ptr_eq(&lost));
    }
}
