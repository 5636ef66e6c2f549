//! What is wrong with a file, and where.

use std::{
    fmt::{self, Display},
    ops::Range,
    path::Path,
};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines.join("\n"))]
pub struct FileErrors {
    /// One line for each error, in the order of the file: `FILE:LINE:COLUMN: what is wrong`. At least one.
    pub lines: Vec<String>,
}

impl FileErrors {
    /// The first error, and how many more there are.
    pub fn summary(&self, path: &Path) -> String {
        let first = self.lines.first().map_or("", String::as_str);
        match self.lines.len().saturating_sub(1) {
            0 => first.to_owned(),
            more => format!("{first} ({more} more: client-service check {})", path.display()),
        }
    }

    /// The file as a whole cannot be used.
    pub(super) fn whole(path: &Path, what: impl Display) -> Self {
        Self { lines: vec![format!("{}: {what}", path.display())] }
    }

    pub(super) fn new(path: &Path, errors: &[FileError]) -> Self {
        let path = path.display();
        Self { lines: errors.iter().map(|error| format!("{path}:{error}")).collect() }
    }
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileError {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    what: String,
}

impl Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

/// The errors found so far, by their offsets in the text.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<(usize, String)>);

impl Errors {
    pub(super) fn add(&mut self, at: &Range<usize>, what: impl Display) {
        self.0.push((at.start, what.to_string()));
    }

    /// The errors in the order of the text, each with its line and column.
    pub(super) fn located(mut self, text: &str) -> Vec<FileError> {
        self.0.sort_by_key(|(offset, _)| *offset);
        let (mut line, mut column, mut passed) = (1, 1, 0);
        let locate = |(offset, what)| {
            for c in text.get(passed..offset).unwrap_or_default().chars() {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            passed = offset;
            FileError { line, column, what }
        };
        self.0.into_iter().map(locate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_in_the_order_of_the_text_with_line_and_column() {
        let text = "a\nä = x\n\nlast";
        let mut errors = Errors::default();
        for (word, what) in [("last", "third"), ("x", "second"), ("a", "first")] {
            let at = text.find(word).unwrap();
            errors.add(&(at..at + 1), what);
        }
        errors.add(&(text.len()..text.len()), "end");
        let lines: Vec<_> = errors.located(text).iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["1:1: first", "2:5: second", "4:1: third", "4:5: end"]);
    }
}
