//! Parses the head of a response before awc does, to correct two cases that awc gets wrong.
//!
//! - awc returns an interim response (1xx) as if it were the final one.
//! - awc treats the body of an HTTP/1.1 response without `Content-Length` and without chunks as empty. The body
//!   ends when the connection closes (RFC 9112, 6.3). awc handles this correctly for HTTP/1.0.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Response, Status};
use memchr::memchr_iter;

/// Maximum number of bytes of a head that is parsed here. awc refuses an incomplete head of this size.
pub(super) const MAX_HEAD: usize = 128 * 1024;

/// Maximum number of headers that awc accepts.
const MAX_HEADERS: usize = 96;

/// Index of the first digit of the status in "HTTP/1.1 200 OK".
const STATUS: usize = 9;

/// Index of the minor version digit in "HTTP/1.1".
pub(super) const MINOR_VERSION: usize = 7;

/// Classification of the first bytes of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The end of the head has not arrived yet.
    Incomplete,
    /// An interim response with this length in bytes. The final response follows it.
    Interim(usize),
    /// A final HTTP/1.1 response whose body ends when the connection closes. The caller must change the version to
    /// 1.0, because awc only then reads the body to the end of the connection.
    Unbounded,
    /// A final response, or bytes that are not HTTP/1.x: awc handles both without correction.
    Final,
}

impl Head {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let version = b"HTTP/1.";
        let common = version.len().min(bytes.len());
        if bytes[..common] != version[..common] {
            return Self::Final;
        }
        // Most responses are final and have a length. They need no parsing.
        if bytes.get(STATUS).is_some_and(|digit| *digit != b'1') && is_whole_with_length(bytes) {
            return Self::Final;
        }
        Self::parse(bytes)
    }

    fn parse(bytes: &[u8]) -> Self {
        let (mut headers, mut response) =
            ([const { MaybeUninit::uninit() }; MAX_HEADERS], Response::new(&mut []));
        let mut parser = ParserConfig::default();
        // As in awc, which would otherwise see headers that this parser does not.
        parser.allow_spaces_after_header_name_in_responses(true);
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
            // 101, 204 and 304 have no body.
            Some(101 | 204 | 304) => Self::Final,
            _ if response.version == Some(1) && !has_length() && !is_chunked() => Self::Unbounded,
            _ => Self::Final,
        }
    }
}

/// True if the head is complete and has a `Content-Length`.
fn is_whole_with_length(bytes: &[u8]) -> bool {
    let name = b"content-length:";
    let mut has_length = false;
    for end_of_line in memchr_iter(b'\n', bytes) {
        let line = &bytes[end_of_line + 1..];
        // The parser takes a bare line feed for the end of a line too.
        if line.starts_with(b"\r\n") || line.starts_with(b"\n") {
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

    const LINES: &[&str] = &[
        "Content-Length: 2\r\n",
        "content-length:\r\n",
        "x-content-length: 2\r\n",
        "a: content-length: 2\r\n",
        "transfer-encoding: chunked\r\n",
        "a: b\n",
        "\r\n",
        "\n",
        "{}",
    ];

    proptest! {
        #[test]
        fn the_shortcut_agrees_with_the_parser(
            code in prop::sample::select(vec!["100", "103", "101", "200", "204", "404", "1"]),
            version in prop::sample::select(vec!["HTTP/1.1", "HTTP/1.0", "HTTP/1"]),
            lines in prop::collection::vec(prop::sample::select(LINES), 0..6),
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
    fn a_response_without_a_length_ends_with_its_connection() {
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
        let after_the_end = b"HTTP/1.1 200 OK\r\n\nContent-Length: 2\r\n\r\n";
        assert_eq!(Head::of(after_the_end), Head::Unbounded, "a bare line feed ends the head");
    }

    #[test]
    fn bytes_that_are_no_head_are_left_to_awc() {
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MAX_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(MAX_HEADERS + 1));
        for bytes in ["garbage", "\r\n", "HTTP/2", "HTTP/1.1 2x0 OK\r\n\r\n", &long, &many] {
            assert_eq!(Head::of(bytes.as_bytes()), Head::Final, "{:.20}", bytes);
        }
    }
}
