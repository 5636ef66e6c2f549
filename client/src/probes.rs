//! Probes of the backend while the circuit is open: `BREAKER_PROBE`.

use std::sync::Arc;

use resilience_actors::{Breaker, InvalidConfig};

use crate::{
    config::{Config, HealthProbe},
    transport::ProbeTransport,
};

/// Has the breaker probe the backend, on the breaker's own arbiter, in place of an earlier probe.
///
/// # Errors
/// A setting breaks its rule.
pub fn start(
    config: &Arc<Config>,
    HealthProbe { path, probe }: &HealthProbe,
    breaker: &Breaker,
) -> Result<(), InvalidConfig> {
    let (config, path) = (Arc::clone(config), path.clone());
    breaker.probe_with(*probe, move || {
        let transport = ProbeTransport::new(&config, &path);
        async move || transport.ask().await
    })
}
