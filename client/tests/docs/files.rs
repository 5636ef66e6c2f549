//! The files of the repository.

use std::{fs, path::PathBuf};

use resilience_testing::documents::in_repository;

/// Folders of what tools write or install.
const GENERATED: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// The files for whose names `is_wanted` returns true, with their texts. Skips hidden folders.
pub(crate) fn files(is_wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, String)> {
    let (mut folders, mut found) = (vec![in_repository(".").canonicalize().unwrap()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = entry.file_name().into_string().unwrap();
            if kind.is_dir() && !name.starts_with('.') && !GENERATED.contains(&name.as_str()) {
                folders.push(path);
            } else if kind.is_file() && is_wanted(&name) {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

/// All documents.
pub(crate) fn documents() -> Vec<(PathBuf, String)> {
    files(|name| name.ends_with(".md"))
}

/// The lines of a document outside of code blocks.
pub(crate) fn text(document: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    document.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}
