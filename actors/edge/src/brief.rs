//! What somebody else wrote, shown in a message of ours.

use std::borrow::Cow;

use crate::logging::one_line;

/// `text`, if it has at most `most` characters; otherwise its beginning and its end, and how much is
/// missing between. The end of a message says what is allowed, so that it is not the end that is cut.
pub(crate) fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    // No character takes less than a byte: the usual case costs no look at each.
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

/// As [`shorten`], and on one line.
pub(crate) fn brief(text: &str, most: usize) -> String {
    one_line(&shorten(text, most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_short_is_left_as_it_is() {
        for text in ["", "0123456789", "µµµµµµµµµµ"] {
            assert_eq!(shorten(text, 10), text);
        }
    }

    #[test]
    fn what_is_long_keeps_its_beginning_and_its_end() {
        let text = format!("field is {}, but must be 1", "9".repeat(1_000_000));
        let short = shorten(&text, 40);
        let expected = "field is 99999999999...(999984 characters left out)...99999, but must be 1";
        assert_eq!(short, expected);
    }

    proptest! {
        #![proptest_config(crate::props::config())]

        #[test]
        fn whatever_it_is_stays_short_and_on_one_line(text in any::<String>(), most in 0_usize..40) {
            let shortened = shorten(&text, most);
            prop_assert!(shortened.chars().count() <= most + 45);
            if text.chars().count() <= most {
                prop_assert_eq!(&shortened, &text);
            }
            let line = brief(&text, most);
            let broken = line.contains(|c: char| c.is_control() || c == '\u{2028}');
            prop_assert!(!broken, "{}", line);
        }
    }
}
