//! What the process tells about itself: log lines, metrics and trace headers.

pub(crate) mod log_targets;
pub mod logging;
pub mod metrics;
pub mod trace;
