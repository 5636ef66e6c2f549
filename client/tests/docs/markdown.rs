//! Each link between documents names a file and a heading that exist, and no line of prose is over 120 characters.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use resilience_testing::documents::in_repository;

/// Maximum number of characters of a line of prose.
const MAX_LINE: usize = 120;

/// The log of changes, whose entries stay as they were written.
fn is_exempt(path: &Path) -> bool {
    path.ends_with("CHANGELOG.md")
}

/// All Markdown files of the repository, with their texts.
fn documents() -> Vec<(PathBuf, String)> {
    let (mut folders, mut found) = (vec![in_repository(".").canonicalize().unwrap()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = entry.file_name().into_string().unwrap();
            if kind.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules"
            {
                folders.push(path);
            } else if kind.is_file() && name.ends_with(".md") {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// The lines outside of code blocks.
fn text(document: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    document.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The targets of the links of a line, images included.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

/// The fragment by which GitHub links to a heading.
fn fragment(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_heading(path: &Path, wanted: &str) -> bool {
    let document = fs::read_to_string(path).unwrap_or_default();
    text(&document)
        .filter(|line| line.starts_with('#'))
        .any(|line| fragment(line.trim_start_matches('#')) == wanted)
}

#[test]
fn each_link_points_to_an_existing_file_and_heading() {
    let (mut dead, mut followed) = (BTreeSet::new(), 0);
    for (path, document) in documents() {
        for link in text(&document).flat_map(links) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if target.exists() && (heading.is_empty() || has_heading(&target, heading)) {
                followed += 1;
            } else {
                dead.insert(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "these links lead nowhere: {dead:#?}");
    assert!(followed > 100, "only {followed} links are found");
}

#[test]
fn no_line_of_prose_is_longer_than_120_characters() {
    let mut long = BTreeSet::new();
    for (path, document) in documents() {
        for line in text(&document).filter(|line| line.chars().count() > MAX_LINE) {
            let is_table = line.starts_with('|');
            // A link is not broken: an image, or a line that nothing but its address makes long.
            let is_link =
                line.starts_with("![") || line.split(' ').any(|word| word.len() > MAX_LINE / 2);
            if !is_table && !is_link && !is_exempt(&path) {
                long.insert(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "these lines of prose are too long: {long:#?}");
}
