//! The command line of a service's binary.

use std::{ffi::OsString, process::ExitCode};

use super::{exit::exit_on_bad_settings, healthcheck};
use crate::{
    config::{common_settings::CommonSettings, settings::Settings},
    telemetry::logging::stderr,
    untrusted_text::short_line,
};

/// Maximum number of characters of the arguments that a message shows.
const MAX_SHOWN: usize = 200;

/// For `main`: handles the arguments of the command line. Returns the exit code, or `None` if the service must serve.
///
/// | arguments | action | exit code |
/// |---|---|---|
/// | none | none | `None` |
/// | `healthcheck` | requests `/health` of the service with the same `HOST` and `PORT` | 0, or 1 if not healthy |
/// | `--help`, `--version` | prints it | 0 |
/// | anything else | says what is allowed | 2 |
///
/// Containers use `healthcheck`, because their image has no other HTTP client.
pub fn handle_arguments(
    service: &str,
    version: &str,
    default_port: u16,
    arguments: impl IntoIterator<Item = OsString>,
) -> Option<ExitCode> {
    let arguments: Vec<_> =
        arguments.into_iter().map(|a| a.to_string_lossy().into_owned()).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["healthcheck"] => {
            let mut settings = Settings::from_env();
            let common = exit_on_bad_settings(CommonSettings::read(&mut settings, default_port));
            let address = healthcheck::address(&common);
            Some(match healthcheck::check(address) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    stderr::write_line(&format!("{service} at {address} is not healthy: {error}"));
                    stderr::flush_last_lines();
                    ExitCode::FAILURE
                }
            })
        }
        ["-h" | "--help"] => {
            println!(
                "usage: {service} [healthcheck | --help | --version]\n\n\
                 Without an argument it serves until SIGTERM. Its settings are environment\n\
                 variables; it prints them when it starts."
            );
            Some(ExitCode::SUCCESS)
        }
        ["-V" | "--version"] => {
            println!("{service} {version}");
            Some(ExitCode::SUCCESS)
        }
        _ => {
            let arguments = short_line(&format!("{arguments:?}"), MAX_SHOWN);
            stderr::write_line(&format!(
                "{service}: cannot do {arguments}: expected nothing, healthcheck, --help or --version"
            ));
            stderr::flush_last_lines();
            Some(ExitCode::from(2))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_the_caller_serves_and_unknown_ones_are_refused() {
        let run = |arguments: &[&str]| {
            handle_arguments("x", "1", 1, arguments.iter().map(OsString::from))
                .map(|code| format!("{code:?}"))
        };
        assert_eq!(run(&[]), None);
        assert_eq!(run(&["--version"]), Some(format!("{:?}", ExitCode::SUCCESS)));
        for unknown in [&["serve"][..], &["healthcheck", "now"], &["--port=1"]] {
            assert_eq!(run(unknown), Some(format!("{:?}", ExitCode::from(2))));
        }
    }
}
