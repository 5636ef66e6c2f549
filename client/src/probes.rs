//! Probes of the backend while the circuit is open: `BREAKER_PROBE`.

use std::sync::Arc;

use resilience_actors::{Breaker, InvalidConfig};

use crate::{
    config::{Config, HealthProbe},
    transport::ProbeTransport,
};

/// Has the breaker probe the backend, on the breaker's own arbiter. Does nothing without `BREAKER_PROBE`.
///
/// # Errors
/// A setting breaks its rule.
pub fn start(config: &Arc<Config>, breaker: &Breaker) -> Result<(), InvalidConfig> {
    let Some(HealthProbe { path, probe }) = config.probe.clone() else { return Ok(()) };
    let config = Arc::clone(config);
    breaker.probe_with(probe, move || {
        let transport = ProbeTransport::new(&config, &path);
        async move || transport.ask().await
    })
}
