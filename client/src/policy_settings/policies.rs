//! The settings of the policies, which can change at run time.

use std::time::Duration;

use resilience_actors::{BreakerConfig, CallSettings};
use service_edge::{SettingError, Settings};

use super::{
    breaker,
    calls::{self, Calls},
    chaos,
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
    /// What is different for the calls of each route, in their order. None at the lab's backend.
    pub routes: Vec<Calls>,
    /// The variables with their effective values, in the order in which they were read.
    pub effective: Vec<(&'static str, String)>,
}

/// What the settings of the policies must fit, and which does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    /// `CONNECT_TIMEOUT`.
    pub(super) connect_timeout: Duration,
    /// `ADMIN_TOKEN` is set.
    pub(super) has_admin_token: bool,
}

impl Policies {
    pub(super) fn read(settings: &mut Settings<'_>) -> Result<Self, SettingError> {
        let others = settings.effective().len();
        let breaker = breaker::read(settings)?;
        let probe = probe::read(settings, &breaker)?;
        let calls = calls::read(settings)?;
        let probe = probe.map(|probe| probe.timeout(calls.attempt_timeout));
        let effective = settings.effective()[others..].to_vec();
        Ok(Self { breaker, probe, calls, routes: Vec::new(), effective })
    }

    /// Converts to the settings of an upstream, with a variant for each route.
    pub fn call_settings(&self) -> CallSettings {
        let variants = self.routes.iter().map(Calls::variant).collect();
        CallSettings { variants, ..self.calls.settings() }
    }

    /// Checks the settings against each other, and against those that do not change.
    pub(super) fn check(&self, fixed: Fixed) -> Result<(), SettingError> {
        let Fixed { connect_timeout, has_admin_token } = fixed;
        chaos::check_admin_token(&self.effective, has_admin_token)?;
        let attempt_timeout = self.calls.attempt_timeout;
        if connect_timeout > attempt_timeout {
            let allowed = format!("no more than ATTEMPT_TIMEOUT={}", attempt_timeout.as_secs_f64());
            let value = connect_timeout.as_secs_f64().to_string();
            return Err(SettingError::new("CONNECT_TIMEOUT", value, allowed));
        }
        self.breaker.check_timeout(attempt_timeout).map_err(named)
    }

    /// What has changed since `before` of the settings that the runtime does not know: `breaker_probe none -> /health`.
    /// The runtime tells of changes of the others itself.
    pub(super) fn own_changes(&self, before: &Self) -> Vec<String> {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let both = before.own().into_iter().zip(self.own());
        let changed =
            both.filter(|(before, now)| before != now).map(|((name, before), (_, now))| {
                format!("{name} {} -> {}", shown(before), shown(now))
            });
        changed.collect()
    }

    /// The settings that the runtime does not know, with their effective values.
    fn own(&self) -> [(&'static str, Option<String>); 4] {
        let path = self.probe.as_ref().map(|probe| probe.path.clone());
        let probe = self.probe.as_ref().map(|probe| &probe.probe);
        let interval = probe.map(|probe| probe.probe_interval.as_secs_f64().to_string());
        let successes = probe.map(|probe| probe.probe_successes.to_string());
        let header = self.calls.priority_header.as_ref().map(ToString::to_string);
        [
            ("breaker_probe", path),
            ("breaker_probe_interval", interval),
            ("breaker_probe_successes", successes),
            ("priority_header", header),
        ]
    }
}
