//! `TRUSTED_PROXIES`, `RETRY_BODY_BYTES`, `REPLAY_BYTES`, `MAX_STREAMS` and `DNS_INTERVAL`.

use std::time::Duration;

use resilience_actors::DURATIONS;
use service_edge::{Limit, SettingError, Settings};

use crate::gateway::trusted_proxies::TrustedProxies;

/// The settings of requests that are passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySettings {
    /// `TRUSTED_PROXIES`: the peers that may say whom they forward for.
    pub trusted_proxies: TrustedProxies,
    /// `RETRY_BODY_BYTES`: maximum size in bytes of a body that is held to be sent again.
    pub retry_body_bytes: usize,
    /// `REPLAY_BYTES`: maximum size in bytes of all held bodies together, over all workers.
    pub replay_bytes: usize,
    /// `MAX_STREAMS`: maximum number of streamed bodies at a time, over all workers.
    pub max_streams: Limit,
    /// `DNS_INTERVAL`: time between two look-ups of an upstream's name, on average.
    pub dns_interval: Duration,
}

/// Reads the settings.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<GatewaySettings, SettingError> {
    let trusted_proxies = TrustedProxies::read(settings)?;
    let retry_body_bytes = settings.integer("RETRY_BODY_BYTES", 64 * 1024, 0..=16 * 1024 * 1024)?;
    let replay_bytes = settings.integer("REPLAY_BYTES", 64 * 1024 * 1024, 0..=1 << 40)?;
    if retry_body_bytes > replay_bytes {
        let allowed = format!("at least RETRY_BODY_BYTES={retry_body_bytes}");
        return Err(SettingError::new("REPLAY_BYTES", replay_bytes.to_string(), allowed));
    }
    let max_streams = settings.limit("MAX_STREAMS", 1_000, 0..=1_000_000)?;
    let dns_interval = settings.seconds("DNS_INTERVAL", Duration::from_secs(5), DURATIONS)?;
    Ok(GatewaySettings {
        trusted_proxies,
        retry_body_bytes,
        replay_bytes,
        max_streams,
        dns_interval,
    })
}

#[cfg(test)]
mod tests {
    use resilience_testing::settings::assert_hints;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<GatewaySettings, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_variable_sets_its_limit() {
        let variables = [
            ("TRUSTED_PROXIES", "10.0.0.0/8"),
            ("RETRY_BODY_BYTES", "0"),
            ("REPLAY_BYTES", "1"),
            ("MAX_STREAMS", "2"),
            ("DNS_INTERVAL", "0.5"),
        ];
        let expected = GatewaySettings {
            trusted_proxies: "10.0.0.0/8".parse().unwrap(),
            retry_body_bytes: 0,
            replay_bytes: 1,
            max_streams: Limit { value: 2, chosen: true },
            dns_interval: Duration::from_millis(500),
        };
        assert_eq!(read(&variables), Ok(expected));
    }

    #[test]
    fn one_body_must_fit_among_all_held_bodies() {
        let expected =
            "REPLAY_BYTES=\"65535\" is not valid: expected at least RETRY_BODY_BYTES=65536";
        assert_eq!(read(&[("REPLAY_BYTES", "65535")]), Err(expected.to_owned()));
        assert!(read(&[("REPLAY_BYTES", "65536")]).is_ok());
    }

    #[test]
    fn values_out_of_range_get_an_error_with_the_range() {
        let networks = "IP addresses and networks, separated by commas, such as 10.0.0.0/8,::1";
        let variables: [(&str, &[&str], &str); 5] = [
            ("TRUSTED_PROXIES", &["", "proxy"], networks),
            ("RETRY_BODY_BYTES", &["-1", "16777217"], "a whole number from 0 to 16777216"),
            ("REPLAY_BYTES", &["-1", "1099511627777"], "a whole number from 0 to 1099511627776"),
            ("MAX_STREAMS", &["-1", "1000001"], "a whole number from 0 to 1000000"),
            (
                "DNS_INTERVAL",
                &["0", "2592001"],
                "a number of seconds, more than 0 and at most 2592000, without a unit",
            ),
        ];
        assert_hints(read, &variables);
    }
}
