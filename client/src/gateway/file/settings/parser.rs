//! The parser of an upstream's settings.

use std::time::Duration;

use resilience_actors::DURATIONS;
use service_edge::{SettingError, Settings};

use crate::config::UpstreamSettings;

/// Which addresses of a name are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoints {
    /// `one`: as the name resolves.
    One,
    /// `all`: every address of the name is an endpoint.
    All,
}

/// The settings of an upstream.
pub(crate) struct OfUpstream {
    pub(crate) endpoints: Endpoints,
    pub(crate) body_idle_timeout: Duration,
    pub(crate) settings: UpstreamSettings,
}

/// Reads them all.
pub(crate) fn parse(
    settings: &mut Settings<'_>,
    has_admin_token: bool,
) -> Result<OfUpstream, SettingError> {
    let choices = [("one", Endpoints::One), ("all", Endpoints::All)];
    let endpoints = settings.choice("ENDPOINTS", "one", &choices)?;
    let body_idle_timeout =
        settings.seconds("BODY_IDLE_TIMEOUT", Duration::from_secs(30), DURATIONS)?;
    let settings = UpstreamSettings::read(settings, has_admin_token)?;
    Ok(OfUpstream { endpoints, body_idle_timeout, settings })
}
