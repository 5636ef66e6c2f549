//! Ignores signals whose default action would end the process.

use actix_web::rt;
use tokio::signal::unix::{SignalKind, signal};

use super::hangups;
use crate::telemetry::log_targets::SIGNALS;

/// The ignored signals. A closing terminal sends SIGHUP, and operators send it to make a process reload its settings;
/// log rotation and debuggers send SIGUSR1 and SIGUSR2. A service can give SIGHUP a meaning ([`hangups::Hangups`]).
const STRAY: [(SignalKind, &str); 4] = [
    (SignalKind::hangup(), "SIGHUP"),
    (SignalKind::user_defined1(), "SIGUSR1"),
    (SignalKind::user_defined2(), "SIGUSR2"),
    (SignalKind::alarm(), "SIGALRM"),
];

/// Makes the process ignore SIGHUP, SIGUSR1, SIGUSR2 and SIGALRM. Call it at the beginning of `main`. SIGQUIT keeps its
/// default action: it ends the process at once, with a core dump.
///
/// # Panics
/// Panics outside of an actix runtime.
pub(super) fn ignore_stray_signals() {
    for (kind, name) in STRAY {
        // tokio never removes a handler, so the default action cannot come back.
        match signal(kind) {
            Ok(mut received) => drop(rt::spawn(async move {
                while received.recv().await.is_some() {
                    if kind != SignalKind::hangup() || !hangups::are_taken() {
                        log::debug!(target: SIGNALS, "{name} is ignored");
                    }
                }
            })),
            Err(error) => log::warn!(target: SIGNALS, "{name} is not ignored: {error}"),
        }
    }
}
