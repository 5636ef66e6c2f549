//! Documents name tests, files, settings and lines of code: they must be there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

use std::{collections::BTreeSet, fs, path::Path};

use client_service::{
    Config,
    config::{BACKEND_SETTINGS, DEFAULT_PORT},
};
use service_edge::{CommonSettings, Settings};

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_test_name(word: &str) -> bool {
    let is_word =
        word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_word && word.contains('_')
}

#[test]
fn each_test_that_the_promises_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let (mut missing, mut found, mut cases) = (Vec::new(), 0, BTreeSet::new());
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let case = line.split('|').nth(1).and_then(|cell| cell.trim().parse::<u32>().ok());
        let (mut source, found_before) = (None, found);
        for word in quoted(line) {
            if word.ends_with(".rs") || word.ends_with(".py") {
                match fs::read_to_string(root.join(word)) {
                    Ok(text) => source = Some((word, text)),
                    Err(error) => missing.push(format!("{word}: {error}")),
                }
            } else if is_test_name(word) {
                let Some((file, text)) = &source else {
                    missing.push(format!("{word}: in which file?"));
                    continue;
                };
                let is_there = [format!("fn {word}("), format!("def {word}(")];
                if is_there.iter().any(|definition| text.contains(definition)) {
                    found += 1;
                } else {
                    missing.push(format!("{word}: not in {file}"));
                }
            }
        }
        cases.extend(case.filter(|_| found > found_before));
    }
    assert!(missing.is_empty(), "docs/reliability.md names what is not there: {missing:#?}");
    assert!(found > 80, "only {found} tests are found in docs/reliability.md");
    assert_eq!(cases, (1..=28).collect(), "each case of the design has a test");
}

#[test]
fn each_file_that_the_architecture_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let folders = [
        "",
        "actors/runtime/src",
        "actors/runtime/src/breaker",
        "actors/runtime/src/events",
        "actors/edge/src",
        "actors/guard/src",
    ];
    let ends = [".rs", ".py", ".sh", ".toml", ".env", "/"];
    let (named, missing): (Vec<_>, Vec<_>) = document
        .lines()
        .flat_map(quoted)
        .filter(|word| !word.contains(' ') && ends.iter().any(|end| word.ends_with(end)))
        .partition(|word| folders.iter().any(|folder| root.join(folder).join(word).exists()));
    assert!(missing.is_empty(), "docs/architecture.md names what is not there: {missing:#?}");
    assert!(named.len() > 80, "only {} files are found in docs/architecture.md", named.len());
}

/// The lines of the first code block of a Markdown file.
fn first_code(markdown: &str) -> Vec<&str> {
    let block = markdown.split("```rust\n").nth(1).unwrap();
    block.lines().take_while(|line| *line != "```").collect()
}

#[test]
fn the_first_lines_of_code_are_those_of_the_doc_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path| fs::read_to_string(root.join(path)).unwrap();
    let library = read("actors/runtime/src/lib.rs");
    let (_, example) = library.split_once("//! ```\n").unwrap();
    let example = example.lines().map(|line| line.strip_prefix("//! ").unwrap_or_default());
    let tested: Vec<_> = example
        .take_while(|line| *line != "```")
        .filter(|line| !line.starts_with("# ") && !line.starts_with("use ") && !line.is_empty())
        .collect();
    assert_eq!(first_code(&read("README.md")), tested, "README.md");
    assert_eq!(first_code(&read("actors/runtime/README.md")), tested, "actors/runtime/README.md");
}

/// The variables in the table of `whose` settings in docs/settings.md, without the one that the system sets.
fn documented(whose: &str) -> BTreeSet<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, table) = document.split_once(&format!("| {whose} | default | |\n")).unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap()).map(str::to_owned));
    names.filter(|name| name != "HOSTNAME").collect()
}

fn names(settings: &Settings<'_>) -> BTreeSet<String> {
    let names = settings.effective().iter().map(|(name, _)| (*name).to_owned());
    names.filter(|name| name != "HOSTNAME").collect()
}

#[test]
fn each_setting_is_documented_and_no_other() {
    let mut settings = Settings::from_pairs(&[]);
    CommonSettings::read(&mut settings, DEFAULT_PORT).unwrap();
    let both = names(&settings);
    assert_eq!(documented("both"), both);
    let mut settings = Settings::from_pairs(&[]);
    Config::read(&mut settings).unwrap();
    let clients = &names(&settings) - &both;
    assert_eq!(documented("client"), clients);
    assert_eq!(documented("backend"), BACKEND_SETTINGS.map(str::to_owned).into());
}
