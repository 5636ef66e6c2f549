//! Finds all replicas of the backend by a name that resolves to the address of each.
//!
//! The name comes only from the settings. A request cannot choose an address that the client connects to.

use std::{collections::BTreeSet, io, net::SocketAddr, time::Duration};

use service_edge::SettingError;
use tokio::{net::lookup_host, time::timeout};

use crate::upstream_url::{UpstreamUrl, without_credentials};

/// The Service of the backends, and their headless Service (deploy/base).
const SERVICE: &str = "backend-service";
const HEADLESS: &str = "backend-headless";

/// Maximum number of replicas.
pub const MAX_REPLICAS: usize = 100;

/// Names to resolve. The first name that can be resolved is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaHosts {
    hosts: Vec<String>,
    port: u16,
}

impl ReplicaHosts {
    /// `configured` is a host or `host:port`. Without it: `backend-headless` in place of the name
    /// `backend-service` in `BACKEND_URL`, or else the host of `BACKEND_URL` itself. The port is that
    /// of `BACKEND_URL`.
    ///
    /// # Errors
    /// `configured` is not a host.
    pub fn new(configured: Option<String>, backend: &UpstreamUrl) -> Result<Self, SettingError> {
        let (host, port) = backend.host_and_port();
        let Some(configured) = configured else {
            // Only the lab's own names are tried, because their addresses receive the admin token.
            let headless = match host.strip_prefix(SERVICE) {
                Some(domain) if domain.is_empty() || domain.starts_with('.') => {
                    Some(format!("{HEADLESS}{domain}"))
                }
                _ => None,
            };
            return Ok(Self { hosts: headless.into_iter().chain([host]).collect(), port });
        };
        let ends_in_port = configured.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':'))
            || configured.contains("]:");
        let url = UpstreamUrl::parse(&format!("http://{configured}")).ok_or_else(|| {
            let shown = without_credentials(configured);
            SettingError::new("BACKEND_FAULTS_HOST", shown, "a host, or host:port")
        })?;
        let (host, own_port) = url.host_and_port();
        Ok(Self { hosts: vec![host], port: if ends_in_port { own_port } else { port } })
    }

    /// The addresses of all replicas, at least one, sorted and without duplicates. If the name has IPv4 and IPv6
    /// addresses, only the IPv4 addresses, so that no replica appears twice.
    ///
    /// # Errors
    /// No name can be resolved within `limit`.
    pub async fn resolve(&self, limit: Duration) -> io::Result<Vec<SocketAddr>> {
        let mut why = io::Error::from(io::ErrorKind::NotFound);
        for host in &self.hosts {
            why = match timeout(limit, lookup_host((host.as_str(), self.port))).await {
                Ok(Ok(found)) => {
                    let found = each_once(found);
                    if !found.is_empty() {
                        return Ok(found);
                    }
                    io::Error::other(format!("{host:?} has no address"))
                }
                Ok(Err(error)) => io::Error::other(format!("cannot resolve {host:?}: {error}")),
                Err(_) => io::Error::other(format!("cannot resolve {host:?} in time")),
            };
        }
        Err(why)
    }
}

fn each_once(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let all: BTreeSet<_> = addresses.collect();
    let any_v4 = all.iter().any(SocketAddr::is_ipv4);
    all.into_iter().filter(|address| address.is_ipv4() == any_v4).take(MAX_REPLICAS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(configured: Option<&str>, backend: &str) -> Result<ReplicaHosts, String> {
        let backend = UpstreamUrl::parse(backend).unwrap();
        ReplicaHosts::new(configured.map(str::to_owned), &backend).map_err(|e| e.to_string())
    }

    #[test]
    fn the_default_hosts_include_the_headless_service_of_the_lab() {
        for (backend, expected, port) in [
            ("http://backend-service:5000", vec!["backend-headless", "backend-service"], 5000),
            (
                "http://backend-service.lab3",
                vec!["backend-headless.lab3", "backend-service.lab3"],
                80,
            ),
            ("http://127.0.0.1:5001", vec!["127.0.0.1"], 5001),
            ("http://backend-services:1", vec!["backend-services"], 1),
            ("http://[::1]:5000", vec!["::1"], 5000),
        ] {
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(hosts(None, backend), Ok(ReplicaHosts { hosts: expected, port }));
        }
    }

    #[test]
    fn a_configured_host_is_used_and_may_have_a_port() {
        for (configured, host, port) in [
            ("pods.example", "pods.example", 5000),
            ("pods.example:6000", "pods.example", 6000),
            ("10.0.0.7", "10.0.0.7", 5000),
            ("[::1]", "::1", 5000),
            ("[::1]:6000", "::1", 6000),
        ] {
            let expected = ReplicaHosts { hosts: vec![host.to_owned()], port };
            assert_eq!(hosts(Some(configured), "http://b:5000"), Ok(expected), "{configured}");
        }
    }

    #[test]
    fn an_invalid_host_is_named_in_the_error() {
        for bad in ["http://b", "b/path", "b:0", "b:port", "b c", "::1", "b,c", "[::1", "*"] {
            let error = hosts(Some(bad), "http://b:5000").unwrap_err();
            assert!(error.starts_with(&format!("BACKEND_FAULTS_HOST={bad:?}")), "{error}");
        }
        let error = hosts(Some("user:s3cret@b"), "http://b:5000").unwrap_err();
        assert!(error.starts_with("BACKEND_FAULTS_HOST=\"(hidden)@b\""), "{error}");
    }

    #[test]
    fn each_replica_is_listed_once() {
        let addresses = ["10.0.0.2:1", "10.0.0.1:1", "10.0.0.2:1", "[fd00::1]:1"];
        let addresses = addresses.map(|address| address.parse().unwrap());
        let expected = ["10.0.0.1:1", "10.0.0.2:1"].map(|address| address.parse().unwrap());
        assert_eq!(each_once(addresses.into_iter()), expected);
        assert_eq!(each_once(addresses.into_iter().skip(3)), addresses[3..]);
    }

    #[actix_web::test]
    async fn the_next_name_is_used_if_one_cannot_be_resolved() {
        let names = ["nowhere.invalid", "127.0.0.1"].map(str::to_owned);
        let hosts = ReplicaHosts { hosts: names.to_vec(), port: 5000 };
        let found = hosts.resolve(Duration::from_secs(10)).await.unwrap();
        assert_eq!(found, ["127.0.0.1:5000".parse().unwrap()]);
    }
}
