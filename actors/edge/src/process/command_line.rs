//! The command line of a service's binary.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, error::ErrorKind};

use super::{exit::exit_on_bad_settings, healthcheck, own_command::OwnCommand};
use crate::{
    config::{common_settings::CommonSettings, setting_error::SettingError, settings::Settings},
    telemetry::logging::stderr,
    untrusted_text::short_line,
};

/// Maximum number of characters of a line of a message. A message quotes the arguments.
const MAX_SHOWN: usize = 400;

/// Reads the settings of a service.
pub(super) type ReadSettings<C> = fn(&mut Settings<'_>) -> Result<C, SettingError>;

/// What a binary is, for [`run_service`](crate::run_service). Its arguments:
///
/// | arguments | action | exit code |
/// |---|---|---|
/// | none | serves | |
/// | `healthcheck` | requests `/health` of the service with the same `HOST` and `PORT` | 0, or 1 if not healthy |
/// | a command of the [service's own](OwnCommand) | runs it | 0, or 2 if it found errors |
/// | `--help`, `--version` | prints it | 0 |
/// | anything else | says what is wrong | 2 |
///
/// Containers use `healthcheck`, because their image has no other HTTP client.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The name of the service.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The default of `PORT`.
    pub default_port: u16,
    /// What each of its own settings is for, in Markdown: name and meaning.
    pub meanings: &'static [(&'static str, &'static str)],
    /// Its own commands, beside `healthcheck`.
    pub commands: &'static [OwnCommand],
}

/// The beginning of the text after the commands and options.
const SETTINGS: &str = "Without a command it serves until SIGTERM. Its settings are environment variables, here with \
                        their defaults. Durations are in seconds.\n";

#[derive(Parser)]
#[command(disable_help_subcommand = true, no_binary_name = true)]
struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Requests /health of the service with the same HOST and PORT: exit status 0 if it is healthy, 1 if not
    Healthcheck,
}

/// Handles the arguments of the command line. Returns the exit code, or `None` if the service must serve.
pub(super) fn handle_arguments<C>(
    program: &Program,
    read: ReadSettings<C>,
    arguments: impl IntoIterator<Item = OsString>,
) -> Option<ExitCode> {
    match parse(program, read, arguments) {
        Ok(Parsed::Serve) => None,
        Ok(Parsed::Healthcheck) => Some(check_health(program)),
        Ok(Parsed::Own(command, arguments)) => Some(command.execute(&arguments)),
        Err(error) => Some(print(&error)),
    }
}

/// What the arguments ask for.
enum Parsed {
    Serve,
    Healthcheck,
    Own(&'static OwnCommand, Vec<OsString>),
}

fn parse<C>(
    program: &Program,
    read: ReadSettings<C>,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Parsed, clap::Error> {
    let command = Arguments::command().name(program.service).bin_name(program.service);
    let command = command.version(program.version).about(program.about);
    let command = command.subcommands(program.commands.iter().map(OwnCommand::declaration));
    let command = command.after_help(settings_help(program.meanings, read));
    let matches = command.try_get_matches_from(arguments)?;
    let own = matches.subcommand().and_then(|(name, matches)| {
        let command = program.commands.iter().find(|command| command.name == name)?;
        Some(Parsed::Own(command, command.arguments_in(matches)))
    });
    match own {
        Some(own) => Ok(own),
        None => Ok(match Arguments::from_arg_matches(&matches)?.action {
            Some(Action::Healthcheck) => Parsed::Healthcheck,
            None => Parsed::Serve,
        }),
    }
}

/// Each setting with its default and its meaning.
fn settings_help<C>(own: &[(&str, &str)], read: ReadSettings<C>) -> String {
    let mut settings = Settings::from_pairs(&[]);
    // The defaults are valid. If they were not, the help would lack those after the wrong one.
    let _ = read(&mut settings);
    let mut help = SETTINGS.to_owned();
    for (name, meaning) in CommonSettings::MEANINGS.iter().chain(own) {
        let default = settings.effective().iter().find(|(other, _)| other == name);
        let default = default.map_or("", |(_, default)| default.trim_matches(['(', ')']));
        help += &format!("\n  {name} ({default})\n      {}", meaning.replace('`', ""));
    }
    help
}

/// Prints help, version or an error. Returns the exit code.
fn print(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // There is no other place to report a closed stdout.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    for line in error.to_string().trim_end().lines() {
        stderr::write_line(&short_line(line, MAX_SHOWN));
    }
    stderr::flush_last_lines();
    ExitCode::from(2)
}

fn check_health(program: &Program) -> ExitCode {
    let mut settings = Settings::from_env();
    let common = exit_on_bad_settings(CommonSettings::read(&mut settings, program.default_port));
    let address = healthcheck::address(&common);
    let Err(error) = healthcheck::check(address) else { return ExitCode::SUCCESS };
    stderr::write_line(&format!("{} at {address} is not healthy: {error}", program.service));
    stderr::flush_last_lines();
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Program = Program {
        service: "tea-service",
        version: "1.2",
        about: "Makes tea",
        default_port: 1,
        meanings: &[("CUPS", "Cups at a time, `1` or more.")],
        commands: &[OwnCommand {
            name: "brew",
            about: "Brews a sort",
            arguments: &["SORT"],
            run: |sorts| match sorts {
                [sort] if sort == "green" => Ok("brewed\n".to_owned()),
                other => Err(vec![format!("no {other:?}")]),
            },
        }],
    };

    fn read(settings: &mut Settings<'_>) -> Result<u8, SettingError> {
        settings.integer("CUPS", 4, 1..=9)
    }

    fn message(arguments: &[&str]) -> String {
        let Err(error) = parse(&PROGRAM, read, arguments.iter().map(OsString::from)) else {
            panic!("{arguments:?} are taken")
        };
        error.to_string()
    }

    #[test]
    fn the_argument_declaration_is_valid() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_argument_starts_the_service_and_an_unknown_one_is_an_error() {
        let run = |arguments: &[&str]| {
            handle_arguments(&PROGRAM, read, arguments.iter().map(OsString::from))
                .map(|code| format!("{code:?}"))
        };
        assert_eq!(run(&[]), None);
        assert_eq!(run(&["--version"]), Some(format!("{:?}", ExitCode::SUCCESS)));
        assert_eq!(run(&["brew", "green"]), Some(format!("{:?}", ExitCode::SUCCESS)));
        for unknown in [
            &["serve"][..],
            &["healthcheck", "now"],
            &["--port=1"],
            &[""],
            &["brew"],
            &["brew", "coffee"],
            &["brew", "green", "twice"],
        ] {
            assert_eq!(run(unknown), Some(format!("{:?}", ExitCode::from(2))), "{unknown:?}");
        }
    }

    #[test]
    fn help_and_errors_name_the_program_and_its_arguments() {
        let help = message(&["--help"]);
        for part in
            ["Makes tea", "Usage: tea-service [COMMAND]", "healthcheck", "SIGTERM", "  PORT ("]
        {
            assert!(help.contains(part), "{part}: {help}");
        }
        assert!(help.contains("\n  CUPS (4)\n      Cups at a time, 1 or more.\n"), "{help}");
        assert_eq!(message(&["-V"]), "tea-service 1.2\n");
        assert!(help.contains("  brew         Brews a sort\n"), "{help}");
        assert!(message(&["brew", "--help"]).contains("Usage: tea-service brew <SORT>"));
        let error = message(&["--port=1"]);
        assert!(error.starts_with("error: unexpected argument '--port'"), "{error}");
        assert!(error.contains("Usage: tea-service"), "{error}");
    }
}
