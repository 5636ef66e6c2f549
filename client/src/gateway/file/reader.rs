//! A table of the file, and what its readers share.
//!
//! The tables are read by hand, because serde ends at the first error, and cannot refuse an unknown key where other
//! keys are known only at run time.

use std::{
    borrow::Cow,
    ffi::OsString,
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use service_edge::SettingError;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::errors::Errors;
use crate::policy_settings::KNOWN_NAMES;

/// Maximum number of characters of a key in an error.
const MAX_KEY: usize = 64;

/// What a file can refer to.
pub(super) struct Sources<'a> {
    /// The value of a variable of the environment.
    pub(super) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The contents of another file.
    pub(super) file: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// The folder of the file.
    pub(super) folder: &'a Path,
    /// `ADMIN_TOKEN` is set.
    pub(super) has_admin_token: bool,
}

impl Sources<'_> {
    /// A path that is relative to the folder of the file.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

/// What all readers of tables share.
pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) errors: Errors,
}

impl Reader<'_> {
    /// Records that the value of `key` is not valid.
    pub(super) fn refuse(
        &mut self,
        at: &Range<usize>,
        key: &str,
        value: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        self.errors.add_value(at, &SettingError::new(key, value, allowed));
    }

    /// Records that the value of `key` has a type that is not allowed.
    pub(super) fn refuse_type(&mut self, key: &str, value: &Spanned<DeValue<'_>>, allowed: &str) {
        let kind = value.get_ref().type_str();
        let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
        self.errors.add(&value.span(), format!("{key} is {article} {kind}: expected {allowed}"));
    }

    /// The text of `key`. Records an error if it is no string.
    pub(super) fn text<'v>(
        &mut self,
        key: &str,
        value: &'v Spanned<DeValue<'_>>,
        allowed: &str,
    ) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.refuse_type(key, value, allowed);
        }
        text
    }

    /// The table of `key`. Records an error if it is no table.
    pub(super) fn section<'v>(
        &mut self,
        key: String,
        value: &'v Spanned<DeValue<'v>>,
    ) -> Option<Section<'v>> {
        match value.get_ref().as_table() {
            Some(table) => Some(Section { name: key, span: value.span(), table }),
            None => {
                self.refuse_type(&key, value, "a table");
                None
            }
        }
    }
}

/// A table of the file.
pub(super) struct Section<'v> {
    /// Such as `upstreams.payments`.
    pub(super) name: String,
    pub(super) span: Range<usize>,
    pub(super) table: &'v DeTable<'v>,
}

impl<'v> Section<'v> {
    /// The value of a key that is set.
    pub(super) fn get(&self, key: &str) -> Option<&'v Spanned<DeValue<'v>>> {
        self.table.get(key)
    }

    /// The key with the name of the table in front.
    pub(super) fn key(&self, key: &str) -> String {
        if self.name.is_empty() {
            shown(key).into_owned()
        } else {
            format!("{}.{}", self.name, shown(key))
        }
    }

    /// Records an error for each key that is not one of `known`. `refused` says of a key why it is not allowed, if
    /// there is a reason beside that it is unknown.
    pub(super) fn refuse_unknown(
        &self,
        reader: &mut Reader<'_>,
        known: &[&str],
        refused: impl Fn(&str) -> Option<String>,
    ) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let what = refused(name).unwrap_or_else(|| match near(name, known) {
                Some(near) => format!("is unknown: did you mean {near}?"),
                None => format!("is unknown: expected {}", first(known)),
            });
            reader.errors.add(&key.span(), format!("{} {what}", self.key(name)));
        }
    }
}

/// The known key that is probably meant.
fn near(key: &str, known: &[&str]) -> Option<String> {
    // A longer key resembles no name. Comparing it would take long.
    let key: String = key.chars().take(MAX_KEY).collect::<String>().to_uppercase();
    let known: Vec<_> = known.iter().map(|key| key.to_uppercase()).collect();
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let same = known.iter().find(|known| **known == key).copied();
    Some(same.or_else(|| KNOWN_NAMES.near_miss(&key, &known))?.to_lowercase())
}

/// Some of the known keys, for an error.
fn first(known: &[&str]) -> String {
    match known {
        [only] => (*only).to_owned(),
        few if few.len() <= 8 => few.join(", "),
        many => format!("{} or another key of docs/gateway.md", many[..4].join(", ")),
    }
}

/// A key as an error shows it.
fn shown(key: &str) -> Cow<'_, str> {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if key.len() <= MAX_KEY && !key.is_empty() && key.chars().all(is_bare) {
        return key.into();
    }
    let start: String = key.chars().take(MAX_KEY).collect();
    format!("{start:?}").into()
}
