//! Recognises the refusals that actix-http sends without a body.

use crate::refusal::Refusal;

/// Returns the refusal that replaces `output` if that is actix-http's refusal of an unreadable head. The caller checks
/// that no handler wrote it.
pub(super) fn of(output: &[u8]) -> Option<Refusal> {
    let head = output.strip_prefix(b"HTTP/1.1 ")?;
    let head = std::str::from_utf8(head).ok().filter(|head| head.ends_with("\r\n\r\n"))?;
    if !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    match head.get(..3)? {
        "400" => Some(Refusal::InvalidHead),
        "431" => Some(Refusal::TooManyHeaders),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: &str =
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    #[test]
    fn a_refusal_without_a_body_is_recognised() {
        assert_eq!(of(REFUSAL.as_bytes()), Some(Refusal::InvalidHead));
        assert_eq!(of(REFUSAL.replace("400", "431").as_bytes()), Some(Refusal::TooManyHeaders));
    }

    #[test]
    fn other_responses_are_left_alone() {
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let empty = "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";
        let with_body = REFUSAL.replace("length: 0", "length: 7");
        for output in [ok, empty, &with_body, "", &format!("{REFUSAL}{{}}")] {
            assert_eq!(of(output.as_bytes()), None, "{output}");
        }
    }
}
