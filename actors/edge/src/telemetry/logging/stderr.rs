//! The process's stderr, written through a bounded queue.

use std::{
    io::{self, Write as _},
    sync::OnceLock,
    time::Duration,
};

use super::queue::LogQueue;
use crate::telemetry::log_targets::LOGGING;

/// Maximum time that the end of the process waits until its last lines are written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The queue in front of stderr. `None` if its thread cannot be started; then callers write to stderr themselves.
pub(super) fn queue() -> Option<&'static LogQueue> {
    static QUEUE: OnceLock<Option<LogQueue>> = OnceLock::new();
    let report = |count| {
        log::warn!(
            target: LOGGING,
            "{count} log lines were dropped: stderr was full or not writable"
        );
    };
    QUEUE.get_or_init(|| LogQueue::start(io::stderr(), report).ok()).as_ref()
}

/// Writes `line` to stderr, whatever `RUST_LOG` hides.
pub(crate) fn write_line(line: &str) {
    let line = format!("{line}\n");
    match queue() {
        Some(queue) => queue.push(line.as_bytes()),
        // There is no other place to report a failed write.
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Waits until all lines are written, at most a second. For the end of the process.
pub(crate) fn flush_last_lines() {
    flush(LAST_LINES);
}

/// Waits until all lines are written, at most for `limit`.
pub(super) fn flush(limit: Duration) {
    if let Some(queue) = queue() {
        queue.flush(limit);
    }
}

/// Number of lines dropped so far.
pub(crate) fn dropped_lines() -> u64 {
    queue().map_or(0, LogQueue::dropped)
}
