//! The paths that a route fits.

/// Maximum length of a path in bytes.
const MAX_PATH: usize = 1024;

/// What an error says of a path.
pub(super) const ALLOWED: &str = "a path such as /charges, without a query, a slash at its end, and segments that are empty, . or ..";

/// True for `/`, and for a path of segments of visible ASCII characters that are not empty and no dots.
pub(super) fn is_valid(path: &str) -> bool {
    let of_a_path = |byte: u8| byte.is_ascii_graphic() && !b"?#\\".contains(&byte);
    let valid_segment = |segment: &str| {
        let decoded: Vec<u8> = decoded(segment).collect();
        !decoded.is_empty() && decoded != b"." && decoded != b".." && !decoded.contains(&b'/')
    };
    path.len() <= MAX_PATH
        && path.bytes().all(of_a_path)
        && path
            .strip_prefix('/')
            .is_some_and(|rest| rest.is_empty() || rest.split('/').all(valid_segment))
}

/// True if `path` is `prefix`, or is below it: `/charges` covers `/charges` and `/charges/7`, not `/charges7`. Both can
/// be percent-encoded, and are compared decoded.
pub(super) fn covers(prefix: &str, path: &str) -> bool {
    let mut rest = decoded(path);
    decoded(prefix.trim_end_matches('/')).all(|byte| rest.next() == Some(byte))
        && matches!(rest.next(), None | Some(b'/'))
}

/// The bytes of a percent-encoded text. A `%` without two digits behind it stands for itself.
fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (byte, length) = match (rest.first()?, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => (u8::try_from(high * 16 + low).ok()?, 3),
            (byte, _, _) => (*byte, 1),
        };
        rest = &rest[length..];
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_itself_and_what_is_below_it() {
        for (prefix, path, expected) in [
            ("/charges", "/charges", true),
            ("/charges", "/charges/", true),
            ("/charges", "/charges/7/items", true),
            ("/charges", "/charges7", false),
            ("/charges", "/charge", false),
            ("/charges", "/", false),
            ("/charges", "/Charges", false),
            ("/charges", "/v1/charges", false),
            ("/", "/", true),
            ("/", "/charges", true),
            ("/", "", true),
            ("/charges", "/%63har%67es/7", true),
            ("/caf%C3%A9", "/caf%c3%a9/x", true),
            ("/a%", "/a%", true),
            ("/a%2", "/a%25", false),
        ] {
            assert_eq!(covers(prefix, path), expected, "{prefix} {path}");
        }
    }

    #[test]
    fn a_path_has_segments_that_are_not_empty_and_no_dots() {
        let longest = format!("/{}", "x".repeat(1023));
        for path in ["/", "/charges", "/v1/charges", "/caf%C3%A9", "/a.b", "/...", &longest] {
            assert!(is_valid(path), "{path}");
        }
        for path in [
            "",
            "charges",
            "//",
            "/charges/",
            "/a//b",
            "/a?b",
            "/a#b",
            "/a b",
            "/ä",
            "/a\\b",
            "/.",
            "/a/..",
            "/%2e%2E/a",
            "/a%2Fb",
            &format!("{longest}x"),
        ] {
            assert!(!is_valid(path), "{path}");
        }
    }
}
