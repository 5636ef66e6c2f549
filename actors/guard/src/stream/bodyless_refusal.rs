//! Finds the refusals that actix-http sends without a body.

use crate::refusal::Refusal;

/// If `output` ends with actix-http's refusal of an unreadable head, returns where that refusal begins, and the
/// refusal with a body that replaces it. Complete responses to earlier requests may precede it.
pub(super) fn find(output: &[u8]) -> Option<(usize, Refusal)> {
    // Most output ends with a body and fails this check.
    if !output.ends_with(b"\r\n\r\n") {
        return None;
    }
    let version = b"HTTP/1.1 ";
    let begin = output.windows(version.len()).rposition(|window| window == version)?;
    let head = std::str::from_utf8(&output[begin + version.len()..]).ok()?;
    if !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let refusal = match head.get(..3)? {
        "400" => Refusal::InvalidHead,
        "431" => Refusal::TooManyHeaders,
        _ => return None,
    };
    Some((begin, refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const REFUSAL: &str =
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    #[test]
    fn a_refusal_without_a_body_is_found_also_after_a_response() {
        let (begin, refusal) = find(REFUSAL.as_bytes()).unwrap();
        assert_eq!((begin, refusal), (0, Refusal::InvalidHead));
        let (begin, _) = find(format!("{OK}{REFUSAL}").as_bytes()).unwrap();
        assert_eq!(begin, OK.len());
    }

    #[test]
    fn other_responses_are_left_alone() {
        let empty = "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";
        let with_body = REFUSAL.replace("length: 0", "length: 7");
        for output in [OK, empty, &with_body, ""] {
            assert!(find(output.as_bytes()).is_none(), "{output}");
        }
    }
}
