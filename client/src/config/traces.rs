//! `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME` and `OTEL_TRACES_SAMPLER_ARG`.

use std::time::Duration;

use service_edge::{SettingError, Settings};

use crate::{
    SERVICE,
    policy_settings::needs,
    transport::{
        ConnectionSettings,
        tls::{TlsConfig, TlsError, TlsSettings},
    },
    upstream_url::UpstreamUrl,
};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const NAME: &str = "OTEL_SERVICE_NAME";
const SHARE: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Where spans go, and which.
#[derive(Debug, Clone)]
pub struct TraceExport {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector.
    pub collector: UpstreamUrl,
    /// The connection to it.
    pub connections: ConnectionSettings,
    /// `OTEL_SERVICE_NAME`: the service's name in traces.
    pub service: String,
    /// `OTEL_TRACES_SAMPLER_ARG`: share of the traces that begin here which are sampled, from 0 to 1.
    pub share: f64,
}

/// Reads the settings. `None`: no spans are exported.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<TraceExport>, SettingError> {
    let endpoint = settings.optional_text(ENDPOINT)?;
    let service = settings.optional_text(NAME)?;
    let share = settings.optional_number(SHARE, 0.0..=1.0)?;
    let Some(endpoint) = endpoint else {
        needs(NAME, service, ENDPOINT)?;
        needs(SHARE, share, ENDPOINT)?;
        return Ok(None);
    };
    let collector = UpstreamUrl::read(ENDPOINT, endpoint)?;
    let tls = TlsConfig::of(&TlsSettings::default(), &collector);
    let tls = tls
        .map_err(|TlsError { value, expected, .. }| SettingError::new(ENDPOINT, value, expected))?;
    let connections = ConnectionSettings {
        connect_timeout: Duration::from_secs(5),
        tls,
        max_age: Duration::from_secs(300),
        idle_timeout: Duration::from_secs(15),
    };
    let service = service.unwrap_or_else(|| SERVICE.to_owned());
    Ok(Some(TraceExport { collector, connections, service, share: share.unwrap_or(0.0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TraceExport>, String> {
        super::read(&mut Settings::from_pairs(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_collector_nothing_is_exported() {
        assert!(read(&[]).unwrap().is_none());
        for variable in [(NAME, "shop"), (SHARE, "0.5")] {
            let error = read(&[variable]).unwrap_err();
            let expected = format!(
                "{}=\"{}\" is not valid: expected {ENDPOINT} to be set",
                variable.0, variable.1
            );
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn each_variable_sets_its_part() {
        let export = read(&[(ENDPOINT, "http://otel:4318/")]).unwrap().unwrap();
        assert_eq!(export.collector.to_string(), "http://otel:4318");
        assert_eq!((export.service.as_str(), export.share), (SERVICE, 0.0));
        let all = [(ENDPOINT, "https://otel"), (NAME, "shop"), (SHARE, "0.25")];
        let export = read(&all).unwrap().unwrap();
        assert_eq!((export.service.as_str(), export.share), ("shop", 0.25));
        assert!(export.connections.tls.is_some());
    }

    #[test]
    fn an_invalid_value_gets_an_error_that_names_it() {
        let error = read(&[(ENDPOINT, "otel:4318")]).unwrap_err();
        assert!(
            error.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT=\"otel:4318\" is not valid"),
            "{error}"
        );
        let error = read(&[(ENDPOINT, "http://otel"), (SHARE, "2")]).unwrap_err();
        assert!(error.contains("a number from 0 to 1"), "{error}");
    }
}
