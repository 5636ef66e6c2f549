//! The file of upstreams (`CONFIG`), in TOML. docs/gateway.md describes it.
//!
//! | module | role |
//! |---|---|
//! | `contents` | what the files held when they were read |
//! | `errors` | what is wrong, with line and column |
//! | `reader` | a table of the file |
//! | `settings` | the keys that are settings of the environment, and their parser |
//! | `route` | what is different for some requests of an upstream |
//! | `upstream` | one upstream |
//! | `show` | the effective settings, as a file |
//! | `keys` | the keys that are no settings of the environment |
//! | `schema` | the JSON schema of the file |

mod contents;
mod errors;
mod keys;
mod reader;
mod route;
mod schema;
mod settings;
mod show;
mod upstream;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use service_edge::Settings;
use toml::de::DeTable;

pub use self::{
    contents::Contents,
    errors::FileErrors,
    keys::{Key, ROUTE_KEYS, TLS_KEYS, UPSTREAM_KEYS},
    route::{RouteConfig, route_settings},
    schema::schema,
    show::show,
    upstream::{UpstreamConfig, UpstreamName},
};
use self::{
    contents::FileReader,
    errors::{Errors, FileError},
    reader::{Reader, Section, Sources},
};
use crate::regular_file::MAX_REFERRED;

/// Maximum size of the file in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// A file that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The upstreams, or all that is wrong with the file.
    pub upstreams: Result<Vec<UpstreamConfig>, FileErrors>,
    /// What the file and those that it refers to held.
    pub contents: Contents,
}

/// Reads the file at `path`. `settings` has the variables to which it can refer. A panic is an error of the file, so
/// that log and metrics report it.
pub fn load(path: &Path, settings: &Settings<'_>, has_admin_token: bool) -> Loaded {
    let reader = FileReader::default();
    let load = || load_through(&reader, path, settings, has_admin_token);
    let upstreams = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|_| {
        Err(FileErrors::whole(path, "reading the file panicked: a bug of client-service"))
    });
    Loaded { upstreams, contents: reader.contents() }
}

fn load_through(
    reader: &FileReader,
    path: &Path,
    settings: &Settings<'_>,
    has_admin_token: bool,
) -> Result<Vec<UpstreamConfig>, FileErrors> {
    let text = reader
        .read(path, MAX_FILE)
        .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
        .map_err(|error| FileErrors::whole(path, format_args!("cannot be read: {error}")))?;
    let sources = Sources {
        variable: &|name| settings.given(name),
        file: &|other| reader.read(other, MAX_REFERRED),
        folder: path.parent().unwrap_or_else(|| Path::new("")),
        has_admin_token,
    };
    parse(&text, &sources).map_err(|errors| FileErrors::new(path, &errors))
}

fn parse(text: &str, sources: &Sources<'_>) -> Result<Vec<UpstreamConfig>, Vec<FileError>> {
    let mut reader = Reader { sources, errors: Errors::default() };
    let upstreams = match DeTable::parse(text) {
        Ok(table) => {
            let span = table.span();
            let root = Section { name: String::new(), span, table: table.get_ref() };
            read_upstreams(&root, &mut reader)
        }
        Err(error) => {
            let what = error.message().replace('\n', ", ");
            reader.errors.add(&error.span().unwrap_or_default(), format_args!("not TOML: {what}"));
            Vec::new()
        }
    };
    let errors = reader.errors.located(text);
    if errors.is_empty() { Ok(upstreams) } else { Err(errors) }
}

fn read_upstreams(root: &Section<'_>, reader: &mut Reader<'_>) -> Vec<UpstreamConfig> {
    root.refuse_unknown(reader, &["upstreams"], |_| None);
    let all = root.get("upstreams").and_then(|all| reader.section("upstreams".to_owned(), all));
    let Some(all) = all.filter(|all| !all.table.is_empty()) else {
        reader.errors.add(&(0..0), "the file has no [upstreams.NAME]: expected at least one");
        return Vec::new();
    };
    let read = all.table.iter().filter_map(|(name, value)| {
        let section = reader.section(all.key(name.get_ref()), value)?;
        upstream::read(name, &section, reader)
    });
    read.collect()
}

#[cfg(test)]
mod tests;
