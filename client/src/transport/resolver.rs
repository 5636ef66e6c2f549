//! Resolves the backend's name: one look-up at a time, whose result all who ask meanwhile share.
//!
//! A look-up takes a thread and file descriptors of its own. One for each of many connections that are opened
//! together would use up both.

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

use super::{connector::timed_out, shortage::Shortage};

type Lookup = Shared<LocalBoxFuture<'static, Result<Rc<[SocketAddr]>, Failure>>>;

/// Why a name has no address.
#[derive(Debug, Clone)]
enum Failure {
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
    running: RefCell<Option<(String, u16, Lookup)>>,
}

impl Resolver {
    /// The addresses of `host`, at least one, each with `port`.
    ///
    /// # Errors
    /// It has none, or could not be resolved within `limit`.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> io::Result<Vec<SocketAddr>> {
        let due = (Instant::now() + limit).into_std();
        match within(due, self.lookup(host, port)).await {
            Some(Ok(addresses)) => Ok(addresses.to_vec()),
            Some(Err(failure)) => Err(failure.into()),
            None => Err(timed_out(format!("cannot resolve {host:?} in time"))),
        }
    }

    fn lookup(&self, host: &str, port: u16) -> Lookup {
        let mut running = self.running.borrow_mut();
        if let Some((of, its_port, lookup)) = &*running
            && (of.as_str(), *its_port) == (host, port)
            && lookup.peek().is_none()
        {
            return lookup.clone();
        }
        let lookup = lookup(host.to_owned(), port).boxed_local().shared();
        // A task, so that it ends although all who ask give up.
        actix_rt::spawn(lookup.clone());
        *running = Some((host.to_owned(), port, lookup.clone()));
        lookup
    }
}

async fn lookup(host: String, port: u16) -> Result<Rc<[SocketAddr]>, Failure> {
    let why = match lookup_host((host.as_str(), port)).await {
        Ok(addresses) => {
            let addresses: Rc<[_]> = addresses.collect();
            if !addresses.is_empty() {
                return Ok(addresses);
            }
            format!("{host:?} has no address")
        }
        Err(error) => format!("cannot resolve {host:?}: {error}"),
    };
    Err(Shortage::of_resolution().map_or(Failure::Unresolved(why), Failure::Ours))
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
    async fn all_who_ask_at_the_same_time_share_one_lookup_and_later_ones_do_not() {
        let resolver = Resolver::default();
        let [first, second] = [(); 2].map(|()| resolver.lookup("localhost", 5000));
        assert!(first.ptr_eq(&second));
        assert!(!resolver.lookup("localhost", 5001).ptr_eq(&first));
        let third = resolver.lookup("localhost", 5001);
        third.clone().await.unwrap();
        assert!(!resolver.lookup("localhost", 5001).ptr_eq(&third));
    }
}
