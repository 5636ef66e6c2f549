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
    /// What each of these settings is for, in Markdown; with `HOSTNAME`, which both services read as well.
    pub const MEANINGS: [(&'static str, &'static str); 9] = [
        ("HOST", "IP address to listen on."),
        ("PORT", "Port to listen on. With 0 the system chooses a port, and the log shows it."),
        ("WORKERS", "Number of threads that serve requests."),
        (
            "MAX_CONNECTIONS",
            "Maximum number of connections served at a time. The service lowers it if the limit of open files \
             (`ulimit -n`) requires it. Further connections get a 503, except for `/health`, `/ready` and `/metrics`.",
        ),
        ("RUST_LOG", "Log levels, such as `warn` or `warn,client_service=debug`."),
        ("LOG_FORMAT", "`text`: lines for people. `json`: one object per line, for collectors."),
        (
            "ADMIN_TOKEN",
            "If set, requests that change something (POST, PUT and PATCH) need `Authorization: Bearer <token>`.",
        ),
        (
            "SHUTDOWN_TIMEOUT",
            "Time after SIGTERM to finish the requests in flight. 0: the service cuts them off at once.",
        ),
        ("HOSTNAME", "Value of `pod` in answers. The system sets it."),
    ];

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
#[path = "common_settings_tests.rs"]
mod tests;
