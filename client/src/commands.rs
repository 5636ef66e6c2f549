//! The commands of the binary beside serving.

use std::{ffi::OsString, path::Path};

use service_edge::{OwnCommand, Settings};

use crate::gateway::file;

/// All of them.
pub const COMMANDS: [OwnCommand; 2] = [
    OwnCommand {
        name: "check",
        about: "Checks a file of upstreams, as at the start: prints the effective settings, or each error",
        arguments: &["FILE"],
        run: |arguments| check(arguments),
    },
    OwnCommand {
        name: "schema",
        about: "Prints the JSON schema of the file of upstreams",
        arguments: &[],
        run: |_| Ok(format!("{:#}\n", file::schema())),
    },
];

fn check(arguments: &[OsString]) -> Result<String, Vec<String>> {
    let path = arguments.first().map(Path::new).unwrap_or_else(|| Path::new(""));
    let settings = Settings::from_env();
    let has_admin_token = settings.given("ADMIN_TOKEN").is_some();
    match file::load(path, &settings, has_admin_token).upstreams {
        Ok(upstreams) => Ok(file::show(&upstreams)),
        Err(errors) => Err(errors.lines),
    }
}
