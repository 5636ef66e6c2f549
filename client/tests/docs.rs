//! Documents name tests and settings: they must be there.
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
