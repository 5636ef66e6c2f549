//! The metrics of the file of upstreams. The words are those that Prometheus has for its own configuration.

use std::time::UNIX_EPOCH;

use service_edge::Metrics;

use super::number;
use crate::gateway::reload::FileStatus;

/// Registers them.
pub fn add(metrics: &Metrics, file: &FileStatus) {
    let file = file.clone();
    metrics.add_source(move |families| {
        let outcome = file.outcome();
        for (result, count) in [("ok", outcome.succeeded), ("failed", outcome.failed)] {
            families.counters(
                "client_config_reloads_total",
                "Readings of the file of upstreams after the first, by result.",
                [(&[("result", result)][..], number(count))],
            );
        }
        families.gauge(
            "client_config_last_reload_successful",
            "1 if the last reading of the file of upstreams succeeded, otherwise 0.",
            f64::from(u8::from(outcome.error.is_none())),
        );
        let since_epoch = outcome.loaded_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        families.gauge(
            "client_config_last_reload_success_timestamp_seconds",
            "When the upstreams in force were read, in seconds since 1970.",
            since_epoch.as_secs_f64(),
        );
    });
}
