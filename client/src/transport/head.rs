//! Reads the head of an answer before awc does, and corrects what awc would misread.
//!
//! awc returns an interim answer (1xx) as the final one, and takes the body of an HTTP/1.1 answer that has
//! neither a length nor chunks for empty, although it goes on until the connection ends (RFC 9112, 6.3). The
//! latter it reads correctly from an HTTP/1.0 answer.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Response, Status};
use memchr::memchr_iter;

/// Larger heads are left to awc, which refuses them.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// The most headers that awc accepts.
const MAX_HEADERS: usize = 96;

/// Where the status begins in "HTTP/1.1 200 OK".
const STATUS: usize = 9;

/// Where the minor version is in "HTTP/1.1".
pub(super) const MINOR_VERSION: usize = 7;

/// What the first bytes of an answer are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The head goes on.
    Incomplete,
    /// An interim answer of this length. The final one follows it.
    Interim(usize),
    /// The final answer. Its body ends with the connection, and its version must say 1.0 for awc to see that.
    Unbounded,
    /// The final answer, or bytes that are no answer: awc handles both.
    Final,
}

impl Head {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let version = b"HTTP/1.";
        let common = version.len().min(bytes.len());
        if bytes[..common] != version[..common] {
            return Self::Final;
        }
        // Nearly every answer is final and has a length: then it need not be parsed.
        if bytes.get(STATUS).is_some_and(|digit| *digit != b'1') && is_whole_with_length(bytes) {
            return Self::Final;
        }
        Self::parse(bytes)
    }

    fn parse(bytes: &[u8]) -> Self {
        let (mut headers, mut response) =
            ([const { MaybeUninit::uninit() }; MAX_HEADERS], Response::new(&mut []));
        let parser = ParserConfig::default();
        match parser.parse_response_with_uninit_headers(&mut response, bytes, &mut headers) {
            Ok(Status::Complete(length)) => Self::complete(&response, length),
            Ok(Status::Partial) if bytes.len() < MAX_HEAD => Self::Incomplete,
            Ok(Status::Partial) | Err(_) => Self::Final,
        }
    }

    fn complete(response: &Response<'_, '_>, length: usize) -> Self {
        let has_length =
            || response.headers.iter().any(|it| it.name.eq_ignore_ascii_case("content-length"));
        let is_chunked = || {
            response.headers.iter().any(|it| {
                it.name.eq_ignore_ascii_case("transfer-encoding")
                    && it.value.windows(7).any(|part| part.eq_ignore_ascii_case(b"chunked"))
            })
        };
        match response.code {
            // After a 101 the connection speaks another protocol.
            Some(100 | 102..=199) => Self::Interim(length),
            // These have no body.
            Some(101 | 204 | 304) => Self::Final,
            _ if response.version == Some(1) && !has_length() && !is_chunked() => Self::Unbounded,
            _ => Self::Final,
        }
    }
}

/// True if the head is whole and has a `Content-Length`.
fn is_whole_with_length(bytes: &[u8]) -> bool {
    let name = b"content-length:";
    let mut has_length = false;
    for end_of_line in memchr_iter(b'\n', bytes) {
        let line = &bytes[end_of_line + 1..];
        if line.starts_with(b"\r\n") {
            return has_length;
        }
        has_length |= line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_not_parsed_is_what_the_parser_says(
            code in prop_oneof![Just("100"), Just("103"), Just("101"), Just("200"), Just("204"), Just("404"), Just("1")],
            version in prop_oneof![Just("HTTP/1.1"), Just("HTTP/1.0"), Just("HTTP/1")],
            lines in prop::collection::vec(prop_oneof![
                Just("Content-Length: 2\r\n"), Just("content-length:\r\n"), Just("x-content-length: 2\r\n"),
                Just("a: content-length: 2\r\n"), Just("transfer-encoding: chunked\r\n"), Just("a: b\n"),
                Just("\r\n"), Just("\n"), Just("{}"),
            ], 0..6),
        ) {
            let bytes = format!("{version} {code} Odd\r\n{}", lines.concat());
            for length in 0..=bytes.len() {
                let bytes = &bytes.as_bytes()[..length];
                prop_assert_eq!(Head::of(bytes), Head::parse(bytes), "{:?}", bytes);
            }
        }
    }

    #[test]
    fn a_head_is_incomplete_until_its_empty_line() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let head = whole.len() - 2;
        for length in 0..head {
            assert_eq!(Head::of(&whole[..length]), Head::Incomplete, "{length}");
        }
        assert_eq!(Head::of(&whole[..head]), Head::Final);
        assert_eq!(Head::of(whole), Head::Final);
    }

    #[test]
    fn interim_answers_are_all_1xx_but_101() {
        for code in [100, 102, 103, 199] {
            let head = format!("HTTP/1.1 {code} So far\r\nlink: <a>\r\n\r\n");
            let bytes = format!("{head}HTTP/1.1 200 OK\r\n");
            assert_eq!(Head::of(bytes.as_bytes()), Head::Interim(head.len()), "{code}");
        }
        assert_eq!(Head::of(b"HTTP/1.1 101 Switching\r\n\r\n"), Head::Final);
    }

    #[test]
    fn a_body_ends_with_the_connection_if_nothing_else_ends_it() {
        let head = |version: &str, status: &str, header: &str| {
            Head::of(format!("HTTP/{version} {status}\r\n{header}\r\n\r\n").as_bytes())
        };
        assert_eq!(head("1.1", "200 OK", "a: b"), Head::Unbounded);
        assert_eq!(head("1.1", "500 Oops", "connection: close"), Head::Unbounded);
        assert_eq!(head("1.1", "200 OK", "transfer-encoding: identity"), Head::Unbounded);
        assert_eq!(head("1.1", "200 OK", "Content-Length: 2"), Head::Final);
        assert_eq!(head("1.1", "200 OK", "Transfer-Encoding: gzip, Chunked"), Head::Final);
        assert_eq!(head("1.1", "204 No Content", "a: b"), Head::Final);
        assert_eq!(head("1.1", "304 Not Modified", "a: b"), Head::Final);
        assert_eq!(head("1.0", "200 OK", "a: b"), Head::Final, "awc reads it correctly");
    }

    #[test]
    fn what_is_no_head_is_left_to_awc() {
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MAX_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(MAX_HEADERS + 1));
        for bytes in ["garbage", "\r\n", "HTTP/2", "HTTP/1.1 2x0 OK\r\n\r\n", &long, &many] {
            assert_eq!(Head::of(bytes.as_bytes()), Head::Final, "{:.20}", bytes);
        }
    }
}
