//! Parts of Markdown files that tests generate and check.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

/// The page with the tables of settings.
const SETTINGS: &str = "docs/settings.md";

/// The path of a file of the repository.
pub fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The text of a file of the repository.
pub fn read(path: &str) -> String {
    fs::read_to_string(in_repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Checks the table of settings of `services`: the name and default of each, what `allowed` says of it, and its
/// meaning. If the variable `UPDATE_DOCS` is set, writes the table instead.
///
/// `meanings` must have the names of `defaults`, in the same order.
pub fn check_settings<'a>(
    services: &str,
    defaults: impl IntoIterator<Item = &'a (&'static str, String)>,
    allowed: impl Fn(&str) -> String,
    meanings: &[(&str, &str)],
) {
    let defaults: Vec<_> = defaults.into_iter().cloned().collect();
    let table = table_of_settings(&defaults, allowed, meanings);
    check_generated(SETTINGS, &settings_of(services), &table);
}

/// The names in the table of settings of `service`.
pub fn documented_settings(service: &str) -> BTreeSet<String> {
    let document = read(SETTINGS);
    let table = between_marks(&document, &settings_of(service));
    first_column(table).into_iter().map(str::to_owned).collect()
}

fn settings_of(services: &str) -> String {
    format!("settings of {services}")
}

/// The part of a file between the lines `<!-- NAME -->` and `<!-- /NAME -->`.
fn between_marks<'a>(document: &'a str, name: &str) -> &'a str {
    let part = document.split_once(&format!("<!-- {name} -->\n"));
    let part = part.and_then(|(_, rest)| rest.split_once(&format!("<!-- /{name} -->")));
    part.unwrap_or_else(|| panic!("the document has no part between the marks {name:?}")).0
}

/// Compares the part of a file between the lines `<!-- NAME -->` and `<!-- /NAME -->` with what the code generates. If
/// the variable `UPDATE_DOCS` is set, writes it instead.
pub fn check_generated(path: &str, name: &str, generated: &str) {
    let document = read(path);
    let part = between_marks(&document, name);
    if part == generated {
        return;
    }
    assert!(
        env::var_os("UPDATE_DOCS").is_some(),
        "{path}: the part {name:?} is not what the code generates; the same test with UPDATE_DOCS=1 writes it:\n\
         {generated}"
    );
    let mark = format!("<!-- {name} -->\n");
    let updated = document.replace(&format!("{mark}{part}"), &format!("{mark}{generated}"));
    fs::write(in_repository(path), updated).unwrap();
}

fn table_of_settings(
    defaults: &[(&str, String)],
    allowed: impl Fn(&str) -> String,
    meanings: &[(&str, &str)],
) -> String {
    let read: Vec<_> = defaults.iter().map(|(name, _)| *name).collect();
    let described: Vec<_> = meanings.iter().map(|(name, _)| *name).collect();
    assert_eq!(read, described, "each setting has a meaning, in the order in which they are read");
    let rows = defaults.iter().zip(meanings).map(|((name, default), (_, meaning))| {
        let default = default.trim_matches(['(', ')']);
        // The document says once that no value has a unit, so the table leaves it out.
        let allowed = allowed(name).replace(", without a unit", "");
        format!("| `{name}` | {default} | {allowed} | {meaning} |\n")
    });
    "| name | default | allowed | meaning |\n|---|---|---|---|\n".to_owned()
        + &rows.collect::<String>()
}

/// The names in the first column of a table, without backticks.
fn first_column(table: &str) -> Vec<&str> {
    let rows = table.lines().skip(2);
    rows.filter_map(|row| row.split('|').nth(1)).map(|cell| cell.trim().trim_matches('`')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_table_has_a_row_for_each_setting() {
        let table = table_of_settings(
            &[("PORT", "80".to_owned()), ("TOKEN", "(unset)".to_owned())],
            |name| format!("what {name} allows"),
            &[("PORT", "Port to listen on."), ("TOKEN", "Secret.")],
        );
        let expected = "| name | default | allowed | meaning |\n|---|---|---|---|\n\
                        | `PORT` | 80 | what PORT allows | Port to listen on. |\n\
                        | `TOKEN` | unset | what TOKEN allows | Secret. |\n";
        assert_eq!(table, expected);
        assert_eq!(first_column(&table), ["PORT", "TOKEN"]);
    }

    #[test]
    #[should_panic(expected = "each setting has a meaning")]
    fn a_setting_without_a_meaning_is_refused() {
        table_of_settings(&[("PORT", "80".to_owned())], |_| String::new(), &[]);
    }

    #[test]
    fn a_part_is_the_text_between_its_marks() {
        let document = "# Title\n<!-- a -->\n<!-- /a -->\n\n<!-- b -->\nx\ny\n<!-- /b -->\n";
        assert_eq!((between_marks(document, "a"), between_marks(document, "b")), ("", "x\ny\n"));
    }
}
