//! The name of an upstream.

use std::fmt::{self, Display};

/// Maximum number of characters.
const MAX_NAME: usize = 63;

/// What an error says of a name.
pub(crate) const ALLOWED: &str = "1 to 63 of a-z, 0-9, - and _";

/// 1 to 63 lower-case letters, digits, dashes and underscores, which need no escape in a path or a metric.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamName(String);

impl UpstreamName {
    /// `None` if the name has another character, or another length.
    pub fn new(name: &str) -> Option<Self> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        };
        let valid = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(allowed);
        valid.then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for UpstreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_63_lower_case_letters_digits_dashes_and_underscores() {
        let longest = "x".repeat(63);
        for name in ["a", "payments", "7", "a-b_c-9", &longest] {
            assert_eq!(UpstreamName::new(name).unwrap().as_str(), name);
        }
        for name in ["", "Payments", "a.b", "a b", "ä", "a/b", &format!("{longest}x")] {
            assert_eq!(UpstreamName::new(name), None, "{name}");
        }
    }
}
