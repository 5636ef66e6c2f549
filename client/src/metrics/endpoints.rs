//! The endpoints of an upstream that has several. Only their number: a label with their addresses would grow with each
//! change of them.

use service_edge::metrics::Families;

use super::number;
use crate::gateway::endpoints::EndpointPool;

/// Adds the endpoints of the upstream `name`.
pub(super) fn add(families: &mut Families, name: &str, pool: &EndpointPool) {
    let all = pool.snapshot();
    let ejected = all.iter().filter(|endpoint| endpoint.ejected).count();
    for (state, count) in [("available", all.len() - ejected), ("ejected", ejected)] {
        families.gauges(
            "client_endpoints",
            "Endpoints, by whether they get calls.",
            [(&[("name", name), ("state", state)][..], number(count as u64))],
        );
    }
    families.counters(
        "client_endpoint_ejections_total",
        "Endpoints that were ejected because they failed more than the others.",
        [(&[("name", name)][..], number(pool.ejections()))],
    );
}
