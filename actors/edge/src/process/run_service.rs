//! The `main` of a service.

use std::{env, io, process::ExitCode};

use super::{
    command_line::{Program, handle_arguments},
    exit::{exit_code, exit_on_bad_settings},
    stray_signals::ignore_stray_signals,
};
use crate::{
    config::{common_settings::CommonSettings, setting_error::SettingError, settings::Settings},
    telemetry::logging,
};

/// The `main` of a service: handles the [arguments](Program) and stray signals, reads the settings from the
/// environment, starts the log, and awaits `run`. Returns the exit code: 2 for an argument or a setting that is not
/// valid, 1 for an error of `run`.
///
/// SIGHUP (unless the service receives [`Hangups`](crate::Hangups)), SIGUSR1, SIGUSR2 and SIGALRM are ignored; SIGQUIT
/// ends the process at once, with a core dump.
///
/// # Panics
/// Panics outside of an actix runtime.
pub async fn run_service<C>(
    program: &Program,
    read: fn(&mut Settings<'_>) -> Result<C, SettingError>,
    common: fn(&C) -> &CommonSettings,
    run: impl AsyncFnOnce(C) -> io::Result<()>,
) -> ExitCode {
    ignore_stray_signals();
    if let Some(code) = handle_arguments(program, read, env::args_os().skip(1)) {
        return code;
    }
    let config = exit_on_bad_settings(read(&mut Settings::from_env()));
    logging::init(common(&config));
    exit_code(run(config).await)
}
