//! Documents name tests, files, settings, lines of code and other documents: they must be there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod files;
mod gateway;
mod lines;
mod markdown;
mod settings;

use std::{collections::BTreeSet, fs};

use resilience_testing::documents::{in_repository, read};

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
fn each_test_named_in_the_documents_exists() {
    let document = read("docs/reliability.md");
    let (mut missing, mut found, mut cases) = (Vec::new(), 0, BTreeSet::new());
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let case = line.split('|').nth(1).and_then(|cell| cell.trim().parse::<u32>().ok());
        let (mut source, found_before) = (None, found);
        for word in quoted(line) {
            if word.ends_with(".rs") || word.ends_with(".py") {
                match fs::read_to_string(in_repository(word)) {
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
fn each_file_named_in_the_architecture_exists() {
    let document = read("docs/architecture.md");
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
        .partition(|word| folders.iter().any(|folder| in_repository(folder).join(word).exists()));
    assert!(missing.is_empty(), "docs/architecture.md names what is not there: {missing:#?}");
    assert!(named.len() > 80, "only {} files are found in docs/architecture.md", named.len());
}

/// The lines of the first code block of a Markdown file.
fn first_code(markdown: &str) -> Vec<&str> {
    let block = markdown.split("```rust\n").nth(1).unwrap();
    block.lines().take_while(|line| *line != "```").collect()
}

#[test]
fn the_first_code_of_the_readme_is_the_doc_test() {
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
