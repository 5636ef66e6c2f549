//! The settings that both services have.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    thread,
    time::Duration,
};

use log::LevelFilter;

use super::{
    admin_token::AdminToken, number_settings::Limit, setting_error::SettingError,
    settings::Settings,
};

/// Maximum value of `SHUTDOWN_TIMEOUT`.
const MAX_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3600);

/// How log records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Timestamp, level, target and message, for people to read.
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

/// The settings that both services have.
#[derive(Debug, Clone)]
pub struct CommonSettings {
    /// `HOST`: the address to listen on.
    pub host: IpAddr,
    /// `PORT`: the port to listen on; 0 lets the system choose one, and the log shows it.
    pub port: u16,
    /// `WORKERS`: number of threads that serve requests, 1 to 1024.
    pub workers: usize,
    /// `MAX_CONNECTIONS`: maximum number of connections at a time, 1 to 1 000 000.
    pub max_connections: Limit,
    /// `RUST_LOG`: the log filter, in `env_logger`'s syntax; each part needs a level.
    pub rust_log: String,
    /// `LOG_FORMAT`: text or json.
    pub log_format: LogFormat,
    /// `ADMIN_TOKEN`: if set, requests that change something need it.
    pub admin_token: Option<AdminToken>,
    /// `SHUTDOWN_TIMEOUT`: maximum duration of the shutdown, at most an hour.
    pub shutdown_timeout: Duration,
}

impl CommonSettings {
    /// Reads all of them. `default_port` is the default of `PORT`.
    ///
    /// # Errors
    ///
    /// Names the first variable whose value cannot be used.
    pub fn read(settings: &mut Settings<'_>, default_port: u16) -> Result<Self, SettingError> {
        Ok(Self {
            host: host(settings)?,
            port: settings.integer("PORT", default_port, 0..=u16::MAX)?,
            workers: settings.integer("WORKERS", cores(), 1..=1024)?,
            max_connections: settings.limit("MAX_CONNECTIONS", 10_000, 1..=1_000_000)?,
            rust_log: rust_log(settings)?,
            log_format: settings.choice(
                "LOG_FORMAT",
                "text",
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )?,
            admin_token: settings.secret("ADMIN_TOKEN")?.as_deref().map(AdminToken::new),
            shutdown_timeout: settings.seconds(
                "SHUTDOWN_TIMEOUT",
                Duration::from_secs(35),
                Duration::ZERO..=MAX_SHUTDOWN_TIMEOUT,
            )?,
        })
    }
}

fn host(settings: &mut Settings<'_>) -> Result<IpAddr, SettingError> {
    let host = settings.text("HOST", &Ipv4Addr::UNSPECIFIED.to_string())?;
    host.parse()
        .map_err(|_| SettingError::new("HOST", host, "an IP address, such as 0.0.0.0 or ::1"))
}

fn rust_log(settings: &mut Settings<'_>) -> Result<String, SettingError> {
    let filter = settings.text("RUST_LOG", "info")?;
    if filter.split(',').all(is_directive) && env_filter::Builder::new().try_parse(&filter).is_ok()
    {
        return Ok(filter);
    }
    Err(SettingError::new(
        "RUST_LOG",
        filter,
        "off, error, warn, info, debug or trace, or target=level, separated by commas",
    ))
}

/// True for a level, or a target with a level. `env_logger` takes any other word for a target, so a misspelt level
/// would turn the log off.
fn is_directive(directive: &str) -> bool {
    let level = directive.rsplit('=').next().unwrap_or_default();
    level.trim().parse::<LevelFilter>().is_ok()
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<CommonSettings, String> {
        let mut settings = Settings::from_pairs(variables);
        CommonSettings::read(&mut settings, 5000).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_gives_the_documented_defaults() {
        let common = read(&[]).unwrap();
        assert_eq!(common.host.to_string(), "0.0.0.0");
        assert_eq!(common.port, 5000);
        assert!(common.workers >= 1);
        assert_eq!(common.max_connections, Limit { value: 10_000, chosen: false });
        assert_eq!(common.rust_log, "info");
        assert_eq!(common.log_format, LogFormat::Text);
        assert!(common.admin_token.is_none());
        assert_eq!(common.shutdown_timeout, Duration::from_secs(35));
    }

    #[test]
    fn everything_set_is_used() {
        let common = read(&[
            ("HOST", "::1"),
            ("PORT", "0"),
            ("WORKERS", "3"),
            ("MAX_CONNECTIONS", "7"),
            ("RUST_LOG", "warn,backend_service=debug"),
            ("LOG_FORMAT", "json"),
            ("ADMIN_TOKEN", "s3cret"),
            ("SHUTDOWN_TIMEOUT", "0.5"),
        ])
        .unwrap();
        assert_eq!(common.host.to_string(), "::1");
        assert_eq!((common.port, common.workers), (0, 3));
        assert_eq!(common.max_connections, Limit { value: 7, chosen: true });
        assert_eq!(common.log_format, LogFormat::Json);
        assert!(common.admin_token.unwrap().matches("s3cret"));
        assert_eq!(common.shutdown_timeout, Duration::from_millis(500));
    }

    #[test]
    fn each_bad_value_is_named() {
        for (variable, value) in [
            ("HOST", "localhost"),
            ("HOST", ""),
            ("PORT", "http"),
            ("PORT", "65536"),
            ("WORKERS", "0"),
            ("WORKERS", "1025"),
            ("MAX_CONNECTIONS", "0"),
            ("MAX_CONNECTIONS", "1000001"),
            ("RUST_LOG", "info,backend=loud"),
            ("RUST_LOG", "inof"),
            ("RUST_LOG", "client_service"),
            ("RUST_LOG", "info,,warn"),
            ("LOG_FORMAT", "xml"),
            ("SHUTDOWN_TIMEOUT", "3601"),
            ("SHUTDOWN_TIMEOUT", "forever"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{variable}={value:?} ")), "{error}");
        }
    }

    #[test]
    fn bad_token_is_named_but_not_shown() {
        let error = read(&[("ADMIN_TOKEN", "hunter 2")]).unwrap_err();
        assert!(error.starts_with("ADMIN_TOKEN="), "{error}");
        assert!(!error.contains("hunter"), "{error}");
    }
}
