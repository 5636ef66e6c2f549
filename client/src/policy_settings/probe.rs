//! `BREAKER_PROBE`, `BREAKER_PROBE_INTERVAL` and `BREAKER_PROBE_SUCCESSES`.

use std::time::Duration;

use actix_web::http::uri::PathAndQuery;
use resilience_actors::{BreakerConfig, DURATIONS, Probe};
use service_edge::{SettingError, Settings};

use super::names::{named, needs};

/// The longest path.
const MAX_PATH: usize = 1024;

/// How the backend is probed while the circuit is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthProbe {
    /// `BREAKER_PROBE`: the path of the backend that is asked, with or without a query.
    pub path: String,
    /// `BREAKER_PROBE_*`, and `ATTEMPT_TIMEOUT` as the timeout.
    pub probe: Probe,
}

impl HealthProbe {
    pub(super) fn timeout(self, timeout: Duration) -> Self {
        Self { probe: self.probe.timeout(timeout), ..self }
    }
}

/// Reads how the backend is probed. `None` unless `BREAKER_PROBE` is set.
pub(super) fn read(
    settings: &mut Settings<'_>,
    breaker: &BreakerConfig,
) -> Result<Option<HealthProbe>, SettingError> {
    let path = settings.optional_text("BREAKER_PROBE")?;
    let interval = settings.optional_seconds("BREAKER_PROBE_INTERVAL", DURATIONS)?;
    let successes = settings.optional_integer("BREAKER_PROBE_SUCCESSES", Probe::SUCCESSES)?;
    let Some(path) = path else {
        let seconds = interval.map(|interval| interval.as_secs_f64());
        needs("BREAKER_PROBE_INTERVAL", seconds, "BREAKER_PROBE")?;
        needs("BREAKER_PROBE_SUCCESSES", successes, "BREAKER_PROBE")?;
        return Ok(None);
    };
    if !is_path(&path) {
        let allowed = "a path such as /health, without a host";
        return Err(SettingError::new("BREAKER_PROBE", path, allowed));
    }
    let default = Probe::default();
    let probe = Probe::every(interval.unwrap_or(default.probe_interval))
        .successes(successes.unwrap_or(default.probe_successes));
    probe.validate(breaker).map_err(named)?;
    Ok(Some(HealthProbe { path, probe }))
}

/// True for an absolute path with or without a query. `//` would begin a host, and a fragment is never sent.
fn is_path(text: &str) -> bool {
    let parsed = text.parse::<PathAndQuery>();
    text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= MAX_PATH
        && parsed.is_ok_and(|parsed| parsed.as_str() == text && text.is_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<HealthProbe>, String> {
        let mut settings = Settings::from_pairs(variables);
        super::read(&mut settings, &BreakerConfig::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_path_turns_probes_on() {
        assert_eq!(read(&[]), Ok(None));
        let probe = Probe::every(Duration::from_secs(1)).successes(2);
        let path = "/health".to_owned();
        assert_eq!(read(&[("BREAKER_PROBE", "/health")]), Ok(Some(HealthProbe { path, probe })));
        let all = [
            ("BREAKER_PROBE", "/api/data?deep=1"),
            ("BREAKER_PROBE_INTERVAL", "0.25"),
            ("BREAKER_PROBE_SUCCESSES", "3"),
        ];
        let probe = Probe::every(Duration::from_millis(250)).successes(3);
        let path = "/api/data?deep=1".to_owned();
        assert_eq!(read(&all), Ok(Some(HealthProbe { path, probe })));
    }

    #[test]
    fn a_path_with_a_host_or_without_a_slash_is_refused() {
        for path in ["health", "//other/health", "http://other/health", "*", "/a b", "/a#b", "/ä"]
        {
            let expected = format!(
                "BREAKER_PROBE={path:?} is not valid: expected a path such as /health, without a host"
            );
            assert_eq!(read(&[("BREAKER_PROBE", path)]), Err(expected));
        }
    }

    #[test]
    fn contradictions_name_both_variables() {
        for (variable, value) in [("BREAKER_PROBE_INTERVAL", "3"), ("BREAKER_PROBE_SUCCESSES", "1")]
        {
            let expected =
                format!("{variable}=\"{value}\" is not valid: expected BREAKER_PROBE to be set");
            assert_eq!(read(&[(variable, value)]), Err(expected));
        }
        let slow = [("BREAKER_PROBE", "/health"), ("BREAKER_PROBE_INTERVAL", "30")];
        let expected = "BREAKER_PROBE_INTERVAL=\"30\" is not valid: expected less than BREAKER_RESET_TIMEOUT=30";
        assert_eq!(read(&slow), Err(expected.to_owned()));
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn a_path_is_sent_as_it_is_or_refused(
            path in prop_oneof![any::<String>(), "/{0,2}[a-z0-9/?=&%#: ]{0,20}"]
        ) {
            if is_path(&path) {
                let url = format!("http://backend:5000{path}");
                let uri: actix_web::http::Uri = url.parse().unwrap();
                prop_assert_eq!(uri.host(), Some("backend"));
                prop_assert_eq!(uri.path_and_query().unwrap().as_str(), path);
            }
        }
    }
}
