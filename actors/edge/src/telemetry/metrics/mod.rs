//! Metrics for `GET /metrics`, in Prometheus' text format 0.0.4.
//!
//! The numbers are atomics next to the code that counts, read when Prometheus asks: counting takes no lock and sends no
//! message. Label values come from fixed sets (patterns of routes, known methods, statuses), so that no client can make
//! the answer grow.

pub(crate) mod connection_metrics;
pub(crate) mod families;
pub(crate) mod http_metrics;
mod log_metrics;
mod process;
pub(crate) mod registry;
pub(crate) mod route_metrics;

pub use families::{Families, Labels};
pub use http_metrics::{HttpMetrics, SECONDS};
pub use registry::Metrics;
