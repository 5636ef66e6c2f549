//! The admin token, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;

/// Maximum length of the token in bytes.
pub const MAX_TOKEN: usize = 1024;

/// The token that requests to change something must carry. Its `Debug` does not show it.
#[derive(Clone)]
pub struct AdminToken {
    /// The token, filled up with zeros: the time of a comparison must not depend on the token's length.
    padded: Box<[u8; MAX_TOKEN]>,
    length: u64,
}

impl AdminToken {
    /// Takes the token as the header will contain it. A token of no bytes, or of more than [`MAX_TOKEN`], matches
    /// nothing; [`Settings::secret`](crate::Settings::secret) refuses it.
    pub fn new(token: &str) -> Self {
        Self {
            padded: Box::new(padded(token).unwrap_or([0; MAX_TOKEN])),
            length: token.len() as u64,
        }
    }

    /// True if `presented` is the token. The time that this takes depends on `presented` alone, so a client cannot
    /// guess the token or its length piece by piece.
    pub fn matches(&self, presented: &str) -> bool {
        let Some(bytes) = padded(presented).filter(|_| !presented.is_empty()) else {
            return false;
        };
        let same_length = (presented.len() as u64).ct_eq(&self.length);
        (bytes.ct_eq(&*self.padded) & same_length).into()
    }
}

/// Compares in constant time.
impl PartialEq for AdminToken {
    fn eq(&self, other: &Self) -> bool {
        (self.padded.ct_eq(&*other.padded) & self.length.ct_eq(&other.length)).into()
    }
}

impl Eq for AdminToken {}

fn padded(token: &str) -> Option<[u8; MAX_TOKEN]> {
    let mut bytes = [0; MAX_TOKEN];
    bytes.get_mut(..token.len())?.copy_from_slice(token.as_bytes());
    Some(bytes)
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_matches() {
        let longest = "x".repeat(MAX_TOKEN);
        for token in ["s", "s3cret", &longest] {
            let is = AdminToken::new(token);
            assert!(is.matches(token));
            for other in [&token[1..], &format!("{token}x"), &format!("{token}\0"), "", "\0"] {
                assert!(!is.matches(other), "{other:?}");
            }
        }
        for invalid in [String::new(), "x".repeat(MAX_TOKEN + 1)] {
            assert!(!AdminToken::new(&invalid).matches(&invalid), "{}", invalid.len());
        }
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = AdminToken::new("s3cret");
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
