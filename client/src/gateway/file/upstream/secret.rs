//! Values that can stand in another file or in the environment, and are then shown nowhere.

use std::ffi::OsString;

use toml::{Spanned, de::DeValue};

use super::super::reader::{Reader, Section};

/// An error shows this in place of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

const TYPES: &str = "a string, { file = \"path\" } or { env = \"VARIABLE\" }";

/// A value, and whether it must not be shown.
pub(super) struct Text {
    pub(super) value: String,
    pub(super) hidden: bool,
}

/// Reads the value of `key`: a string, or where it stands.
pub(super) fn read(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    reader: &mut Reader<'_>,
) -> Option<Text> {
    match value.get_ref() {
        DeValue::String(text) => Some(Text { value: text.to_string(), hidden: false }),
        DeValue::Table(table) => {
            let section = Section { name: key.to_owned(), span: value.span(), table };
            Some(Text { value: referred(&section, reader)?, hidden: true })
        }
        _ => {
            reader.refuse_type(key, value, TYPES);
            None
        }
    }
}

fn referred(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<String> {
    section.refuse_unknown(reader, &["file", "env"], |_| None);
    match (section.get("file"), section.get("env")) {
        (Some(path), None) => file(&section.key("file"), path, reader),
        (None, Some(name)) => variable(&section.key("env"), name, reader),
        _ => {
            reader.errors.add(&section.span, format!("{}: expected {TYPES}", section.name));
            None
        }
    }
}

/// The contents of the file, without the line break at its end.
fn file(key: &str, path: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<String> {
    let at = path.span();
    let path = reader.text(key, path, "a path")?;
    let contents =
        (reader.sources.file)(&reader.sources.resolve(path)).map_err(|error| error.to_string());
    let text = contents
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
    match text {
        Ok(mut text) => {
            let end = text.trim_end_matches(['\r', '\n']).len();
            text.truncate(end);
            Some(text)
        }
        Err(error) => {
            reader.refuse(&at, key, path, format!("a file that can be read: {error}"));
            None
        }
    }
}

fn variable(key: &str, name: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<String> {
    let at = name.span();
    let name = reader.text(key, name, "the name of a variable")?;
    // `std::env::var_os` may panic for such a name.
    let possible = !name.is_empty() && !name.contains(['=', '\0']);
    let value = possible.then(|| (reader.sources.variable)(name)).flatten();
    let value = value.map(OsString::into_string).and_then(Result::ok);
    if value.is_none() {
        reader.refuse(&at, key, name, "the name of a variable that is set, to UTF-8 text");
    }
    value
}
