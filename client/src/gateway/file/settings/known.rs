//! The settings that a table can have: their keys are the names of variables in lower case.

use std::sync::LazyLock;

use service_edge::{SettingError, Settings};

use super::parser::parse;
use crate::policy_settings::KNOWN_NAMES;

/// A setting that a table can have.
pub(crate) struct Known {
    /// Its variable in the environment.
    pub(crate) variable: &'static str,
    /// Its key in the file.
    pub(crate) key: String,
    /// Its default, as [`Settings::effective`] shows it.
    pub(crate) default: String,
}

/// The settings that [`parse`] reads, in the order in which it does.
pub(crate) static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let mut settings = Settings::from_pairs(&[]);
    // The defaults are valid.
    let _ = parse(&mut settings, false);
    let effective = settings.effective().iter();
    let known = |(variable, default): &(&'static str, String)| Known {
        variable,
        key: key_of(variable),
        default: default.clone(),
    };
    effective.map(known).collect()
});

/// The keys of [`KNOWN`].
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.key.as_str())
}

/// The key of a variable.
pub(crate) fn key_of(variable: &str) -> String {
    variable.to_lowercase()
}

pub(super) fn variable_of(key: &str) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.key == key).map(|known| known.variable)
}

fn is_variable(name: &str) -> bool {
    KNOWN.iter().any(|known| known.variable == name)
}

/// The settings that an error names, the one that is wrong first.
pub(super) fn named_in(error: &SettingError) -> Vec<&str> {
    let words = words(error.allowed()).filter(|(_, is_name)| *is_name).map(|(word, _)| word);
    [error.variable()].into_iter().chain(words).filter(|name| is_variable(name)).collect()
}

/// The text with the keys of settings in place of their variables.
pub(crate) fn in_keys(text: &str) -> String {
    words(text)
        .map(|(word, is_name)| if is_name { key_of(word) } else { word.to_owned() })
        .collect()
}

/// The parts of a text. True for those that are the name of a setting, or what several names begin with.
fn words(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let of_a_name = |c: char| c.is_ascii_uppercase() || c == '_';
        let first = of_a_name(rest.chars().next()?);
        let end = rest.find(|c| of_a_name(c) != first).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        let known = is_variable(word) || KNOWN_NAMES.prefixes.contains(&word);
        Some((word, first && known))
    })
}

/// What an error says is allowed for a setting. `None` for one that can have any text.
pub(crate) fn allowed(variable: &str) -> Option<String> {
    let empty = [(variable, "")];
    let error = parse(&mut Settings::from_pairs(&empty), true).err()?;
    Some(in_keys(error.allowed()))
}
