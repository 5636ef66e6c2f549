//! A command of a service's own on its command line.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::{telemetry::logging::stderr, untrusted_text::one_line};

/// A command that a service adds to its command line.
#[derive(Debug, Clone, Copy)]
pub struct OwnCommand {
    /// The word that runs it.
    pub name: &'static str,
    /// What it does, in one sentence without a full stop.
    pub about: &'static str,
    /// The names of its arguments, for the help. All are required.
    pub arguments: &'static [&'static str],
    /// Runs it with as many arguments. `Ok` is the text for stdout, and ends the process with code 0. `Err` has the
    /// lines for stderr, and ends it with code 2.
    pub run: fn(&[OsString]) -> Result<String, Vec<String>>,
}

impl OwnCommand {
    pub(super) fn declaration(&self) -> Command {
        let argument = |name: &&'static str| {
            Arg::new(*name).required(true).value_parser(value_parser!(OsString))
        };
        Command::new(self.name).about(self.about).args(self.arguments.iter().map(argument))
    }

    /// The arguments in the order of their names.
    pub(super) fn arguments_in(&self, matches: &ArgMatches) -> Vec<OsString> {
        self.arguments.iter().filter_map(|name| matches.get_one(name).cloned()).collect()
    }

    /// Runs it, and writes what it says. Returns the exit code: 1 if stdout cannot be written.
    pub(super) fn execute(&self, arguments: &[OsString]) -> ExitCode {
        match (self.run)(arguments) {
            Ok(text) => match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            },
            Err(lines) => {
                for line in lines {
                    stderr::write_line(&one_line(&line));
                }
                stderr::flush_last_lines();
                ExitCode::from(2)
            }
        }
    }
}
