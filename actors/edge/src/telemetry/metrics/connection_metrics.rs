//! Metrics of the server's connections.

use actix_connection_guard::Connections;

use super::families::Families;

/// Adds the metrics of `connections`.
#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
pub(crate) fn add(connections: &Connections, families: &mut Families) {
    let counts = connections.counts();
    families.gauge("http_connections", "Open connections that are served.", counts.served as f64);
    families.gauge(
        "http_connections_max",
        "Maximum number of connections served at a time.",
        connections.limits().connections as f64,
    );
    families.counter(
        "http_connections_refused_total",
        "Connections that were refused because too many were served.",
        counts.refused as f64,
    );
}
