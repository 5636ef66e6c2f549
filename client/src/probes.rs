//! Probes of an upstream while its circuit is open: `BREAKER_PROBE`.

use resilience_actors::{Breaker, InvalidConfig};

use crate::{
    policy_settings::{HealthProbe, Policies},
    transport::{ConnectionSettings, ProbeTransport},
    upstream_url::UpstreamUrl,
};

/// Has the breaker probe the upstream at `url`, on the breaker's own arbiter, in place of an earlier probe.
///
/// # Errors
/// A setting breaks its rule.
pub fn start(
    url: &UpstreamUrl,
    connections: &ConnectionSettings,
    HealthProbe { path, probe }: &HealthProbe,
    breaker: &Breaker,
) -> Result<(), InvalidConfig> {
    let (connections, uri) = (connections.clone(), url.join(path));
    breaker.probe_with(*probe, move || {
        let transport = ProbeTransport::new(connections, uri);
        async move || transport.ask().await
    })
}

/// Starts, changes or stops the probes after a change of the policies from `old` to `new`.
///
/// # Errors
/// A setting breaks its rule.
pub fn change(
    url: &UpstreamUrl,
    connections: &ConnectionSettings,
    [old, new]: [&Policies; 2],
    breaker: &Breaker,
) -> Result<(), InvalidConfig> {
    match &new.probe {
        Some(probe) if old.probe.as_ref() != Some(probe) => start(url, connections, probe, breaker),
        Some(_) => Ok(()),
        None => {
            breaker.stop_probing();
            Ok(())
        }
    }
}
