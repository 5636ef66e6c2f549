//! Each link between documents names a file and a heading that exist.

use std::{collections::BTreeSet, fs, path::Path};

use crate::files::{documents, text};

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
