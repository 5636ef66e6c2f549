//! A reader of settings over a lookup function, which tests can replace.
//!
//! A variable that is set must be valid: its default never replaces an invalid value. The reader records the effective
//! value of each variable that it reads, so that a service can log its configuration when it starts.
//!
//! Written by hand: `figment`, `envy` and clap's `env` name a field or a flag in place of the variable and its range,
//! quote secrets, and keep no list of effective values (`settings_tests.rs`, `settings_props.rs`).

use std::{
    env,
    ffi::OsString,
    fmt::{self, Display},
};

use super::setting_error::SettingError;
use crate::untrusted_text::shorten;

/// Maximum number of characters of a value that the summary shows.
const MAX_SHOWN: usize = 200;

/// How [`Settings::effective`] shows an optional variable that is not set.
pub const UNSET: &str = "(unset)";

type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// A typed reader over a lookup of variables.
pub struct Settings<'a> {
    lookup: Box<Lookup<'a>>,
    /// The names of all variables that are set, if the source can list them.
    pub(super) names: Vec<String>,
    effective: Vec<(&'static str, String)>,
}

impl Settings<'static> {
    /// Reads the environment of the process.
    pub fn from_env() -> Self {
        let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self { names: names.collect(), ..Self::new(|name| env::var_os(name)) }
    }
}

impl<'a> Settings<'a> {
    /// Reads through `lookup`, which returns `None` for an unset variable.
    pub fn new(lookup: impl Fn(&str) -> Option<OsString> + 'a) -> Self {
        Self { lookup: Box::new(lookup), names: Vec::new(), effective: Vec::new() }
    }

    /// Reads these names and values and nothing else, for tests. If a name occurs twice, its first value holds.
    pub fn from_pairs(variables: &'a [(&'a str, &'a str)]) -> Self {
        let names = variables.iter().map(|(name, _)| (*name).to_owned());
        let lookup = |name: &str| {
            let set = variables.iter().find(|(variable, _)| *variable == name);
            set.map(|(_, value)| value.into())
        };
        Self { names: names.collect(), ..Self::new(lookup) }
    }

    /// The variables read so far with their effective values, in the order in which they were read. The value of a
    /// secret is "(set)" or [`UNSET`].
    pub fn effective(&self) -> &[(&'static str, String)] {
        &self.effective
    }

    /// [`effective`](Self::effective) as one line, `NAME=value NAME=value ...`, for the log.
    pub fn summary(&self) -> String {
        let pairs: Vec<String> = self
            .effective
            .iter()
            .map(|(name, value)| {
                let value = shorten(value, MAX_SHOWN);
                if value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"') {
                    format!("{name}={value:?}")
                } else {
                    format!("{name}={value}")
                }
            })
            .collect();
        pairs.join(" ")
    }

    /// The value of the variable as it is set, to read it again later. `None` if it is unset. Not recorded: the caller
    /// does not show it if it is a secret.
    pub fn given(&self, name: &str) -> Option<OsString> {
        self.raw_os(name)
    }

    /// The value of the variable, or `None` if it is unset. Does not record it.
    pub(super) fn raw_os(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name)
    }

    /// As [`raw_os`](Self::raw_os), but the value must be UTF-8.
    pub(super) fn raw(&self, name: &'static str) -> Result<Option<String>, SettingError> {
        self.raw_os(name)
            .map(OsString::into_string)
            .transpose()
            .map_err(|value| SettingError::new(name, value.to_string_lossy(), "UTF-8 text"))
    }

    /// Records the effective value of a variable.
    pub(super) fn record(&mut self, name: &'static str, value: String) {
        self.effective.push((name, value));
    }

    /// As [`record`](Self::record); `None` is recorded as [`UNSET`].
    pub(super) fn record_optional<T: Display>(&mut self, name: &'static str, value: Option<&T>) {
        self.record(name, value.map_or_else(|| UNSET.to_owned(), T::to_string));
    }
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("effective", &self.effective).finish_non_exhaustive()
    }
}
