//! The error of a setting whose value cannot be used.

use std::fmt::{self, Display};

use crate::untrusted_text::shorten;

/// Maximum number of characters of a value that an error keeps.
const MAX_SHOWN: usize = 200;

/// A setting whose value cannot be used. Its `Display` is one line for the person who set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    variable: String,
    value: String,
    allowed: String,
}

impl SettingError {
    /// Creates an error about `variable`, which has `value`. `allowed` completes the sentence "expected ...". Of a
    /// long value, the error keeps the beginning and the end. Also for values that break a rule of the code that uses
    /// them, and for settings that contradict each other.
    pub fn new(
        variable: impl Into<String>,
        value: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        let value = shorten(&value.into(), MAX_SHOWN).into_owned();
        Self { variable: variable.into(), value, allowed: allowed.into() }
    }

    /// The name of the variable.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// The value, shortened.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is allowed. It completes the sentence "expected ...".
    pub fn allowed(&self) -> &str {
        &self.allowed
    }
}

impl Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `{:?}` keeps a value with line breaks or control characters on one line.
        write!(f, "{}={:?} is not valid: expected {}", self.variable, self.value, self.allowed)
    }
}

impl std::error::Error for SettingError {}
