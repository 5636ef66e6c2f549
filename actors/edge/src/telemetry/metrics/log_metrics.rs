//! Metrics of the log.

use super::families::Families;
use crate::telemetry::logging::stderr;

/// A source for [`Metrics`](crate::Metrics).
pub(super) fn read(families: &mut Families) {
    #[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
    let dropped = stderr::dropped_lines() as f64;
    families.counter(
        "log_lines_dropped_total",
        "Log lines that were dropped because stderr was full or not writable.",
        dropped,
    );
}
