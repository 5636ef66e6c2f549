//! The targets of this crate's log lines. Users filter by target (`RUST_LOG`), so a target stays when a file moves.

pub(crate) const CONNECTIONS: &str = "service_edge::connections";
pub(crate) const FILE_DESCRIPTORS: &str = "service_edge::descriptors";
pub(crate) const LIFECYCLE: &str = "service_edge::lifecycle";
pub(crate) const LOGGING: &str = "service_edge::logging";
pub(crate) const METRICS: &str = "service_edge::metrics";
pub(crate) const REQUESTS: &str = "service_edge::around";
pub(crate) const SIGNALS: &str = "service_edge::signals";
pub(crate) const SOCKET_FILTER: &str = "service_edge::door";
