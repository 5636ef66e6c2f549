//! Signals that would end the process although nobody asks for its end.

use actix_web::rt;
use tokio::signal::unix::{SignalKind, signal};

/// Their default action ends a process. A terminal that closes sends SIGHUP, operators send it to have settings read
/// anew; log rotation and debuggers send SIGUSR1 and SIGUSR2. None of them means anything here.
const STRAY: [(SignalKind, &str); 4] = [
    (SignalKind::hangup(), "SIGHUP"),
    (SignalKind::user_defined1(), "SIGUSR1"),
    (SignalKind::user_defined2(), "SIGUSR2"),
    (SignalKind::alarm(), "SIGALRM"),
];

/// For the beginning of `main`: from now on SIGHUP, SIGUSR1, SIGUSR2 and SIGALRM change nothing. SIGQUIT keeps its
/// default, which ends the process at once, with a core dump.
///
/// # Panics
/// Outside of a runtime.
pub fn ignore_stray_signals() {
    for (kind, name) in STRAY {
        // Once there is a handler, the process has it for ever.
        match signal(kind) {
            Ok(mut received) => drop(rt::spawn(async move {
                while received.recv().await.is_some() {
                    log::debug!("{name} is ignored");
                }
            })),
            Err(error) => log::warn!("{name} is not ignored: {error}"),
        }
    }
}
