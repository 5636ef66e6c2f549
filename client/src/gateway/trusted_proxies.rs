//! Peers that may say whom they forward for.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;
use service_edge::{SettingError, Settings};

/// Networks of proxies in front of the gateway: `TRUSTED_PROXIES`. Empty: no peer is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// True for an address in one of the networks. An IPv4 address that an IPv6 socket shows as `::ffff:a.b.c.d` is
    /// taken for `a.b.c.d`.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// Reads `TRUSTED_PROXIES`: addresses and networks (CIDR), separated by commas.
    ///
    /// # Errors
    /// One of them is no address and no network, or has bits set behind its prefix: `10.0.0.1/8` is probably a mistake.
    pub fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let Some(text) = settings.optional_text("TRUSTED_PROXIES")? else {
            return Ok(Self::default());
        };
        text.parse().map_err(|()| {
            let allowed = "IP addresses and networks, separated by commas, such as 10.0.0.0/8,::1";
            SettingError::new("TRUSTED_PROXIES", text, allowed)
        })
    }
}

impl FromStr for TrustedProxies {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.split(',')
            .map(|item| network(item.trim()).ok_or(()))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    text.parse::<IpNet>().ok().filter(|network| network.trunc() == *network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<TrustedProxies, String> {
        let variables = [("TRUSTED_PROXIES", value)];
        TrustedProxies::read(&mut Settings::from_pairs(&variables)).map_err(|e| e.to_string())
    }

    #[test]
    fn addresses_and_networks_of_both_families_are_trusted() {
        let trusted = read("10.0.0.0/8, 192.0.2.7,fd00::/8,::1").unwrap();
        for (address, expected) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("::1", true),
            ("::2", false),
            ("::ffff:10.1.2.3", true),
            ("::ffff:11.1.2.3", false),
        ] {
            assert_eq!(trusted.contains(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn no_peer_is_trusted_by_default() {
        let trusted = TrustedProxies::read(&mut Settings::from_pairs(&[])).unwrap();
        assert!(!trusted.contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn other_values_are_refused() {
        for value in [
            "",
            ",",
            "10.0.0.0/8,",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "proxy",
            "10.0.0",
            "::1/",
            "[::1]",
        ] {
            let error = read(value).unwrap_err();
            assert!(error.contains("such as 10.0.0.0/8,::1"), "{error}");
        }
    }
}
