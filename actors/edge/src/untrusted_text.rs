//! Makes text from outside (settings, requests, panics) fit for a log line or an error message.

use std::{borrow::Cow, fmt::Write as _};

/// Returns `text` if it has at most `most` characters. Otherwise returns its beginning, the number of characters left
/// out, and its end. The end of a message says what is allowed, so the middle is cut.
pub(crate) fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    // A character takes at least a byte, so a short text needs no count of its characters.
    if text.len() <= most {
        return text.into();
    }
    let characters = text.chars().count();
    if characters <= most {
        return text.into();
    }
    let half = most / 2;
    let place = |nth: usize| text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at);
    let (head, tail) = (&text[..place(half)], &text[place(characters - half)..]);
    format!("{head}...({} characters left out)...{tail}", characters - 2 * half).into()
}

/// Escapes control characters, and characters that break a line or change the text direction. A client must not be
/// able to forge a line of the log or to control the terminal that shows it.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        let steers = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if steers || c.is_control() {
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Applies [`shorten`], then [`one_line`].
pub(crate) fn short_line(text: &str, most: usize) -> String {
    one_line(&shorten(text, most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_is_not_changed() {
        for text in ["", "0123456789", "µµµµµµµµµµ"] {
            assert_eq!(shorten(text, 10), text);
        }
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        let text = format!("field is {}, but must be 1", "9".repeat(1_000_000));
        let short = shorten(&text, 40);
        let expected = "field is 99999999999...(999984 characters left out)...99999, but must be 1";
        assert_eq!(short, expected);
    }

    #[test]
    fn a_message_with_line_breaks_becomes_one_line() {
        let forged = "GET /\n2026-01-01T00:00:00.000Z INFO  all is well\u{1b}[2J\u{2028}\u{202e}";
        let line = one_line(forged);
        assert!(!line.contains(char::is_control), "{line}");
        assert!(line.ends_with("\\u{1b}[2J\\u{2028}\\u{202e}"), "{line}");
        assert!(line.starts_with("GET /\\n2026"), "{line}");
    }

    #[test]
    fn an_ordinary_message_is_not_changed() {
        assert_eq!(one_line("closed -> open (5×, µs)"), "closed -> open (5×, µs)");
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn any_text_becomes_one_line_of_bounded_length(text in any::<String>(), most in 0_usize..40) {
            let shortened = shorten(&text, most);
            prop_assert!(shortened.chars().count() <= most + 45);
            if text.chars().count() <= most {
                prop_assert_eq!(&shortened, &text);
            }
            let line = short_line(&text, most);
            let broken = line.contains(|c: char| c.is_control() || c == '\u{2028}');
            prop_assert!(!broken, "{}", line);
        }
    }
}
