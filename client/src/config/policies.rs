//! The settings of the policies, which can change at run time.

use std::time::Duration;

use resilience_actors::BreakerConfig;
use service_edge::{SettingError, Settings};

use super::{
    breaker,
    calls::{self, Calls},
    names::named,
    probe::{self, HealthProbe},
};

/// How calls are made, and when they are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Policies {
    /// `BREAKER_*`.
    pub breaker: BreakerConfig,
    /// `BREAKER_PROBE` and `BREAKER_PROBE_*`: how the backend is probed while the circuit is open, if it is.
    pub probe: Option<HealthProbe>,
    /// `RETRY_*`, `ATTEMPT_TIMEOUT`, `CALL_DEADLINE`, `CONNECT_RETRIES`, `BREAKER_SCOPE` and the optional policies.
    pub calls: Calls,
    /// The variables with their effective values, in the order in which they were read.
    pub effective: Vec<(&'static str, String)>,
}

impl Policies {
    pub(super) fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let others = settings.effective().len();
        let breaker = breaker::read(settings)?;
        let probe = probe::read(settings, &breaker)?;
        let calls = calls::read(settings)?;
        let probe = probe.map(|probe| probe.timeout(calls.attempt_timeout));
        let effective = settings.effective()[others..].to_vec();
        Ok(Self { breaker, probe, calls, effective })
    }

    /// Checks the settings against each other, and against `CONNECT_TIMEOUT`, which does not change.
    pub(super) fn check(&self, connect_timeout: Duration) -> Result<(), SettingError> {
        let attempt_timeout = self.calls.attempt_timeout;
        if connect_timeout > attempt_timeout {
            let allowed = format!("no more than ATTEMPT_TIMEOUT={}", attempt_timeout.as_secs_f64());
            let value = connect_timeout.as_secs_f64().to_string();
            return Err(SettingError::new("CONNECT_TIMEOUT", value, allowed));
        }
        self.breaker.check_timeout(attempt_timeout).map_err(named)
    }
}
