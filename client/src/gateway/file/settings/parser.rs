//! The parser of an upstream's settings.

use std::time::Duration;

use resilience_actors::DURATIONS;
use service_edge::{SettingError, Settings};

use crate::{gateway::endpoints::EjectionSettings, policy_settings::UpstreamSettings};

/// The settings of an upstream.
pub(crate) struct OfUpstream {
    pub(crate) body_idle_timeout: Duration,
    pub(crate) ejection: EjectionSettings,
    pub(crate) settings: UpstreamSettings,
}

/// Reads them all.
pub(crate) fn parse(
    settings: &mut Settings<'_>,
    has_admin_token: bool,
) -> Result<OfUpstream, SettingError> {
    let body_idle_timeout =
        settings.seconds("BODY_IDLE_TIMEOUT", Duration::from_secs(30), DURATIONS)?;
    let ejection = EjectionSettings::read(settings)?;
    let settings = UpstreamSettings::read(settings, has_admin_token)?;
    Ok(OfUpstream { body_idle_timeout, ejection, settings })
}
