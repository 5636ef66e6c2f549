//! What is wrong with a file, and where.

use std::{
    fmt::{self, Display},
    ops::Range,
    path::Path,
};

use service_edge::SettingError;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines.join("\n"))]
pub struct FileErrors {
    /// One line for each error, in the order of the file: `FILE:LINE:COLUMN: what is wrong`. At least one.
    pub lines: Vec<String>,
    /// The first of them without values of the file.
    first_without_values: String,
}

impl FileErrors {
    /// The first error, and how many more there are.
    pub fn summary(&self, path: &Path) -> String {
        self.counted(self.lines.first().map_or("", String::as_str), path)
    }

    /// As [`summary`](Self::summary), without values of the file.
    pub fn summary_without_values(&self, path: &Path) -> String {
        self.counted(&self.first_without_values, path)
    }

    fn counted(&self, first: &str, path: &Path) -> String {
        match self.lines.len().saturating_sub(1) {
            0 => first.to_owned(),
            more => format!("{first} ({more} more: client-service check {})", path.display()),
        }
    }

    /// The file as a whole cannot be used.
    pub(super) fn whole(path: &Path, what: impl Display) -> Self {
        let line = format!("{}: {what}", path.display());
        Self { first_without_values: line.clone(), lines: vec![line] }
    }

    pub(super) fn new(path: &Path, errors: &[FileError]) -> Self {
        let path = path.display();
        let first = errors.first().map(|FileError { line, column, what }| {
            let what = what.without_values.as_ref().unwrap_or(&what.text);
            format!("{path}:{line}:{column}: {what}")
        });
        Self {
            lines: errors.iter().map(|error| format!("{path}:{error}")).collect(),
            first_without_values: first.unwrap_or_default(),
        }
    }
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileError {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct What {
    text: String,
    /// The text without values of the file, if it shows one.
    without_values: Option<String>,
}

impl Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what.text)
    }
}

/// The errors found so far, by their offsets in the text.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<(usize, What)>);

impl Errors {
    /// Adds an error whose text shows no value of the file.
    pub(super) fn add(&mut self, at: &Range<usize>, what: impl Display) {
        self.0.push((at.start, What { text: what.to_string(), without_values: None }));
    }

    /// Adds an error about the value of a setting.
    pub(super) fn add_value(&mut self, at: &Range<usize>, error: &SettingError) {
        let allowed = without_numbers(error.allowed());
        let without_values = format!("{} is not valid: expected {allowed}", error.variable());
        let what = What { text: error.to_string(), without_values: Some(without_values) };
        self.0.push((at.start, what));
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

/// What is allowed, without the values of other settings, which are numbers: `no less than attempt_timeout=3`. A word
/// such as that of `throttle=on` stays.
fn without_numbers(allowed: &str) -> String {
    let mut parts = allowed.split('=');
    let first = parts.next().unwrap_or_default();
    parts.fold(first.to_owned(), |text, part| {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            text + part.trim_start_matches(|c: char| !c.is_whitespace())
        } else {
            text + "=" + part
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_values_names_the_setting_and_what_is_allowed() {
        let what = |value, allowed| {
            let mut errors = Errors::default();
            errors.add_value(&(0..0), &SettingError::new("p.key", value, allowed));
            let errors = FileErrors::new(Path::new("f"), &errors.located(""));
            (errors.lines[0].clone(), errors.summary_without_values(Path::new("f")))
        };
        for (allowed, shown) in [
            ("a number from 0 to 1", "a number from 0 to 1"),
            ("no less than a_b=2.5", "no less than a_b"),
            ("at most 3 with a=1e9 or b=7/s", "at most 3 with a or b"),
            ("throttle=on to be set", "throttle=on to be set"),
        ] {
            let (line, public) = what("hunter2", allowed);
            assert_eq!(line, format!("f:1:1: p.key=\"hunter2\" is not valid: expected {allowed}"));
            assert_eq!(public, format!("f:1:1: p.key is not valid: expected {shown}"));
        }
    }

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
