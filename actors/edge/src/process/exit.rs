//! Exit codes of the process.

use std::{
    io,
    process::{self, ExitCode},
};

use crate::{
    config::setting_error::SettingError,
    telemetry::{log_targets::LIFECYCLE, logging::stderr},
};

/// For `main`: returns the settings. If they are invalid, writes one line to stderr and exits with code 2.
pub(super) fn exit_on_bad_settings<T>(settings: Result<T, SettingError>) -> T {
    settings.unwrap_or_else(|error| {
        stderr::write_line(&error.to_string());
        stderr::flush_last_lines();
        process::exit(2)
    })
}

/// For `main`: returns the exit code. After an error this is 1, and one line says why, even if `RUST_LOG` hides errors.
/// Waits at most a second until the last lines are written.
pub fn exit_code(served: io::Result<()>) -> ExitCode {
    let code = match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if log::log_enabled!(target: LIFECYCLE, log::Level::Error) {
                log::error!(target: LIFECYCLE, "{error}");
            } else {
                stderr::write_line(&error.to_string());
            }
            ExitCode::FAILURE
        }
    };
    stderr::flush_last_lines();
    code
}
