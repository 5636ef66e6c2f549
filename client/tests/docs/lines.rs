//! No line of prose is over 120 characters, in documents and in comments of source files.

use std::{collections::BTreeSet, path::Path};

use crate::files::{documents, files, text};

/// Maximum number of characters of a line of prose.
const MAX_LINE: usize = 120;

/// How a line with nothing but a comment begins, by the end of the file's name.
const COMMENTS: [(&str, &[&str]); 12] = [
    (".rs", &["//"]),
    (".js", &["//", "/*", "*"]),
    (".css", &["/*", "*"]),
    (".html", &["<!--"]),
    (".sh", &["#"]),
    (".bash", &["#"]),
    (".bats", &["#"]),
    (".py", &["#"]),
    (".yaml", &["#"]),
    (".toml", &["#"]),
    (".env", &["#"]),
    ("Dockerfile", &["#"]),
];

/// What begins a comment in the file of this name. Empty for a file that is not searched.
fn beginnings(name: &str) -> &'static [&'static str] {
    COMMENTS.iter().find(|(end, _)| name.ends_with(end)).map_or(&[], |&(_, beginnings)| beginnings)
}

/// True for a line of prose that is too long. A table cannot be broken, nor can an image, or a link whose address makes
/// the line long.
fn is_too_long(line: &str) -> bool {
    let prose = line.trim_start_matches([' ', '/', '!', '#']);
    let has_long_word = line.split(' ').any(|word| word.len() > MAX_LINE / 2);
    line.chars().count() > MAX_LINE
        && !prose.starts_with('|')
        && !line.starts_with("![")
        && !has_long_word
}

/// Fails if one of the lines of prose is too long.
fn check<'a>(lines: impl IntoIterator<Item = (&'a Path, &'a str)>) {
    let (mut long, mut checked) = (BTreeSet::new(), 0);
    for (path, line) in lines {
        checked += 1;
        if is_too_long(line) {
            long.insert(format!("{}: {line}", path.display()));
        }
    }
    assert!(long.is_empty(), "these lines of prose are too long: {long:#?}");
    assert!(checked > 1_000, "only {checked} lines are found");
}

#[test]
fn no_line_of_a_document_is_longer_than_120_characters() {
    // The entries of the log of changes stay as they were written.
    let files = documents();
    let checked = files.iter().filter(|(path, _)| !path.ends_with("CHANGELOG.md"));
    check(checked.flat_map(|(path, document)| text(document).map(move |line| (&**path, line))));
}

#[test]
fn no_line_of_a_comment_is_longer_than_120_characters() {
    let files = files(|name| !beginnings(name).is_empty());
    check(files.iter().flat_map(|(path, source)| {
        let beginnings = beginnings(path.file_name().unwrap().to_str().unwrap());
        let is_comment =
            |line: &&str| beginnings.iter().any(|it| line.trim_start().starts_with(it));
        source.lines().filter(is_comment).map(move |line| (&**path, line))
    }));
}
